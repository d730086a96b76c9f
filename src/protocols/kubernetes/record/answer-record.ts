import type { Session } from '../../../gateway/engine.ts'
import { KeptRows } from '../../../gateway/kept-rows.ts'
import { withoutSecretsInData } from '../../../host/without-secrets.ts'
import { escapeMarks } from '../../../shared/commitment.ts'
import { JsonSplitter, TooLong } from '../../http/json/json-splitter.ts'
import { valueOf, type Headers } from '../../http/wire/headers.ts'
import { LISTS } from '../masking/response-masker.ts'
import type { ApiRequest } from '../request/api-request.ts'
import { withoutSecretValues } from './request-text.ts'

type RecordedSession = Pick<Session, 'masking' | 'commitment' | 'recorder'>

export interface AnswerRecordParts {
  readonly session: RecordedSession
  readonly request: ApiRequest
  readonly decision: string
  /** Of the answer. */
  readonly headers: Headers
  /** Bytes that are kept. */
  readonly limit: number
}

/** The body of an answer for the record: undefined where nothing of it is kept. */
export function answerRecord(parts: AnswerRecordParts): AnswerRecord | undefined {
  const { request, headers, limit } = parts
  if (limit === 0 || !request.isResource || request.subresource === 'proxy') return undefined
  if ((valueOf(headers, 'content-encoding') ?? 'identity') !== 'identity') return undefined
  const type = valueOf(headers, 'content-type') ?? ''
  if (/^application\/json(?:;|$)/.test(type)) return new AnswerRecord(parts, (keep) => new ObjectPieces(parts, keep))
  return request.subresource === 'log' && type.startsWith('text/plain')
    ? new AnswerRecord(parts, (keep) => new LinePieces(parts, keep))
    : undefined
}

type Keep = (text: string) => void

interface Pieces {
  push(bytes: Buffer): void
  end(): void
}

/** What the client got, piece by piece up to a limit: objects without the values of secrets, or lines of a log. */
export class AnswerRecord {
  readonly #rows: KeptRows
  readonly #pieces: Pieces
  #left: number

  constructor({ session, decision, limit }: AnswerRecordParts, pieces: (keep: Keep) => Pieces) {
    this.#left = limit
    this.#rows = new KeptRows(decision, session.recorder, { limit, columns: undefined })
    this.#pieces = pieces((text) => this.#keep(text))
  }

  /** Nothing of it is looked at once the limit is reached. */
  push(bytes: Buffer): void {
    if (this.#left >= 0) this.#attempt(() => this.#pieces.push(bytes))
  }

  end(): void {
    if (this.#left >= 0) this.#attempt(() => this.#pieces.end())
    this.#rows.flush()
  }

  #keep(text: string): void {
    const bytes = Buffer.byteLength(text)
    this.#rows.keep(bytes, () => [text])
    this.#left -= bytes
  }

  /** What cannot be read is not kept: nobody could tell what in it is secret. */
  #attempt(read: () => void): void {
    try {
      read()
    } catch (error) {
      // Too deep for the stack: a RangeError.
      if (![TooLong, SyntaxError, RangeError].some((known) => error instanceof known)) throw error
      this.#left = -1
      this.#rows.keep(Infinity, () => [])
    }
  }
}

class ObjectPieces implements Pieces {
  readonly #splitter: JsonSplitter

  constructor({ session, request, limit }: AnswerRecordParts, keep: Keep) {
    const read = (bytes: Buffer): Buffer => {
      const object: unknown = JSON.parse(bytes.toString('utf8'))
      keep(JSON.stringify(withoutSecretValues(object, request, session)))
      return NOTHING
    }
    const skip = (): Buffer => NOTHING
    this.#splitter = new JsonSplitter(LISTS, { document: read, head: skip, element: read, tail: skip }, limit)
  }

  push(bytes: Buffer): void {
    this.#splitter.push(bytes)
  }

  end(): void {
    this.#splitter.end()
  }
}

class LinePieces implements Pieces {
  readonly #session: RecordedSession
  readonly #limit: number
  readonly #keep: Keep
  #rest = Buffer.alloc(0)

  constructor({ session, limit }: AnswerRecordParts, keep: Keep) {
    this.#session = session
    this.#limit = limit
    this.#keep = keep
  }

  push(bytes: Buffer): void {
    const all = Buffer.concat([this.#rest, bytes])
    const end = all.lastIndexOf(NEWLINE) + 1
    this.#lines(all.subarray(0, end))
    this.#rest = all.subarray(end)
    if (this.#rest.length > this.#limit) throw new TooLong()
  }

  end(): void {
    if (this.#rest.length > 0) this.#lines(this.#rest)
  }

  #lines(bytes: Buffer): void {
    if (bytes.length > 0)
      this.#keep(withoutSecretsInData(escapeMarks(bytes.toString('utf8').replace(/\n$/, '')), this.#session))
  }
}

const NOTHING = Buffer.alloc(0)
const NEWLINE = 0x0a
