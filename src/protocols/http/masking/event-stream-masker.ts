import { hideInText, type KindSearch } from '../../../masking/hidden-text.ts'
import { HeldBytes } from '../../../masking/stream/held-bytes.ts'
import { valueFilter, type ValueFilter } from '../../../masking/value-filter.ts'
import { byteAt } from '../../../wire/byte-at.ts'
import { atOnce, type Work } from '../../../shared/slices.ts'
import type { AnswerMasker } from './masker.ts'
import type { FieldPlaces } from './field-places.ts'
import { maskMessage } from './mask-message.ts'
import { unmaskable } from './unmaskable.ts'

interface Line {
  readonly text: string
  /** As it came, with its end. */
  readonly bytes: Buffer
  /** The end of the line: LF, CR, both, or nothing at the end of all. */
  readonly end: string
  readonly field: string
  readonly value: string
}

/**
 * Masks server-sent events (HTML Living Standard, section 9.2): each as soon as it is whole. Its data, of which every line is a part, is masked as JSON
 * where it is JSON, and as a text otherwise; so are its id, its type and comments. What is not masked stays byte for byte.
 */
export class EventStreamMasker implements AnswerMasker {
  readonly changes = true
  readonly isLive = true
  readonly #search: KindSearch
  readonly #root: FieldPlaces | undefined
  readonly #mayHold: ValueFilter
  readonly #held = new HeldBytes()
  /** Up to where there is no end of a line in what is held. */
  #looked = 0
  #lines: Line[] = []
  #size = 0
  /** The last event ended with a CR, which a LF may belong to. */
  #isAfterReturn = false

  /** `root`: what pointers say of the data of each event. */
  constructor(search: KindSearch, root: FieldPlaces | undefined) {
    this.#search = search
    this.#root = root
    this.#mayHold = valueFilter(search.kinds)
  }

  mask(chunk: Buffer): Buffer {
    return atOnce(this.maskInSteps(chunk))
  }

  *maskInSteps(chunk: Buffer): Work<Buffer> {
    this.#size += chunk.length
    if (this.#size > MAX_EVENT) this.#size = this.#held.length + sizeOf(this.#lines) + chunk.length
    if (this.#size > MAX_EVENT) throw unmaskable(`an event of the answer is longer than ${MAX_EVENT} bytes`)
    this.#held.append(chunk)
    return yield* this.#read(false)
  }

  end(): Buffer {
    return Buffer.concat([atOnce(this.#read(true)), atOnce(this.#event())])
  }

  *#read(isEnd: boolean): Work<Buffer> {
    const { bytes, length } = this.#held
    const out: Buffer[] = []
    let from = 0
    if (this.#isAfterReturn && length > 0) {
      this.#isAfterReturn = false
      if (bytes[0] === LF) {
        out.push(Buffer.from([LF]))
        from = 1
        this.#looked = 1
      }
    }
    for (let at = Math.max(from, this.#looked); at < length; at++) {
      const byte = byteAt(bytes, at)
      if (byte !== LF && byte !== CR) continue
      const isBlank = at === from
      // Only a line that ends an event need not wait for what may belong to its end.
      if (byte === CR && at + 1 === length && !isBlank && !isEnd) {
        this.#looked = at - from
        return this.#drop(out, from)
      }
      const behind = at + (byte === CR && at + 1 < length && bytes[at + 1] === LF ? 2 : 1)
      this.#isAfterReturn = isBlank && byte === CR && behind === length
      this.#lines.push(lineOf(bytes.subarray(from, behind), behind - at))
      if (this.#lines.length > MAX_LINES) throw unmaskable(`an event of the answer has more than ${MAX_LINES} lines`)
      if (isBlank) out.push(yield* this.#event())
      from = behind
      at = behind - 1
    }
    this.#looked = length - from
    if (isEnd && from < length) {
      this.#lines.push(lineOf(bytes.subarray(from, length), 0))
      from = length
    }
    return this.#drop(out, from)
  }

  #drop(out: readonly Buffer[], from: number): Buffer {
    this.#held.drop(from)
    return Buffer.concat(out)
  }

  /** The lines of an event as they are shown. */
  *#event(): Work<Buffer> {
    const lines = this.#lines
    this.#lines = []
    if (this.#root === undefined) {
      const bytes = Buffer.concat(lines.map((line) => line.bytes))
      if (!this.#mayHold(bytes, 0, bytes.length)) return bytes
    }
    const data = lines.filter(({ field }) => field === 'data')
    const joined = data.map(({ value }) => value).join('\n')
    const shown = data.length === 0 ? joined : yield* maskMessage(joined, this.#search, this.#root)
    let isDataShown = shown === joined
    return Buffer.concat(
      lines.map((line): Buffer => {
        if (line.field !== 'data') return this.#line(line)
        if (shown === joined) return line.bytes
        if (isDataShown) return NOTHING
        isDataShown = true
        const end = line.end === '' ? '\n' : line.end
        return Buffer.from(
          shown
            .split('\n')
            .map((part) => `data: ${part}${end}`)
            .join(''),
        )
      }),
    )
  }

  /** A line that is no data. */
  #line({ text, bytes, end, field, value }: Line): Buffer {
    // Of a field that nobody knows a comment is left.
    const isKnown = field === '' || field === 'id' || field === 'event' || field === 'retry'
    const masked = hideInText(isKnown ? value : text, this.#search)
    if (masked === undefined) return bytes
    const shown = (masked ?? '****').replaceAll(/[\r\n\0]/g, '*')
    return Buffer.from(`${isKnown ? field : ''}: ${shown}${end}`)
  }
}

function lineOf(held: Buffer, endBytes: number): Line {
  // What is held is written over.
  const bytes = Buffer.from(held)
  const text = textOf(bytes.subarray(0, bytes.length - endBytes))
  const colon = text.indexOf(':')
  // A byte order mark stands in front of the first line alone.
  const field = (colon < 0 ? text : text.slice(0, colon)).replace(/^\uFEFF/, '')
  const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '')
  return { text, bytes, end: bytes.toString('latin1', bytes.length - endBytes), field, value }
}

function textOf(bytes: Buffer): string {
  try {
    return UTF8.decode(bytes)
  } catch {
    throw unmaskable('the events are not UTF-8, as the format requires')
  }
}

const sizeOf = (lines: readonly Line[]): number => lines.reduce((total, { bytes }) => total + bytes.length, 0)

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const NOTHING = Buffer.alloc(0)
const MAX_EVENT = 1024 * 1024
const MAX_LINES = 16_384
const LF = 0x0a
const CR = 0x0d
