import { StringDecoder } from 'node:string_decoder'
import type { Session } from '../../../gateway/engine.ts'
import { withoutSecretsInData, withoutSecretsUnder } from '../../../host/without-secrets.ts'
import { mapCookieValues } from '../browser/cookies.ts'
import type { Headers } from '../wire/headers.ts'

/** How much passed in one direction of a call; the digest is of the whole body. */
export interface MessageTally {
  readonly messages: number
  readonly bytes: number
  readonly sha256: string
}

/** The head of an answer, and its body up to a limit, on record: as the client sees them, with a commitment in place of each secret. */
export class AnswerLog {
  readonly #session: Pick<Session, 'recorder' | 'masking' | 'commitment'>
  readonly #command: string
  readonly #limit: number
  #kept: Buffer[] = []
  #keptBytes = 0
  #bytes = 0

  constructor(session: Pick<Session, 'recorder' | 'masking' | 'commitment'>, command: string, limit: number) {
    this.#session = session
    this.#command = command
    this.#limit = limit
  }

  head(status: number, headers: Headers): void {
    this.#rows(['header', 'value'], [['status', String(status)], ...this.#keptOf(headers)])
  }

  trailers(trailers: Headers): void {
    if (trailers.length > 0) this.#rows(['trailer', 'value'], this.#keptOf(trailers))
  }

  /** What stands for the messages of a call in both directions. */
  messages(sent: MessageTally, received: MessageTally): void {
    const rows = Object.entries({ sent, received }).map(([direction, { messages, bytes, sha256 }]) => [
      direction,
      String(messages),
      String(bytes),
      sha256,
    ])
    this.#rows(['direction', 'messages', 'bytes', 'sha256'], rows)
  }

  push(bytes: Buffer): void {
    this.#bytes += bytes.length
    const room = this.#limit - this.#keptBytes
    if (room <= 0) return
    const kept = bytes.subarray(0, room)
    this.#kept.push(Buffer.from(kept))
    this.#keptBytes += kept.length
  }

  /** What was kept of the body. */
  end(): void {
    if (this.#keptBytes === 0) return
    const kept = Buffer.concat(this.#kept)
    this.#session.recorder.outcome({
      type: 'rows',
      command: this.#command,
      columns: ['body'],
      rows: [[this.#keep(textOf(kept))]],
      ...(this.#bytes > this.#keptBytes ? { cut: true } : {}),
    })
  }

  #keptOf(headers: Headers): string[][] {
    return headers.map(([name, value]) => [name, this.#keepHeader(name, value)])
  }

  #rows(columns: readonly string[], rows: readonly (readonly string[])[]): void {
    this.#session.recorder.outcome({ type: 'rows', command: this.#command, columns, rows })
  }

  /** Whoever has a cookie is the person whom the target takes for its owner. */
  #keepHeader(name: string, value: string): string {
    return name === 'set-cookie'
      ? mapCookieValues(value, (cookie) => `<secret ${this.#session.commitment(cookie)}>`)
      : withoutSecretsUnder(name, value, this.#session)
  }

  #keep(text: string): string {
    return withoutSecretsInData(text, this.#session)
  }
}

/** As other values on record: what is no text is `\x` and hexadecimal digits. A character that the limit has cut is left out. */
function textOf(bytes: Buffer): string {
  const text = new StringDecoder('utf8').write(bytes)
  // eslint-disable-next-line no-control-regex
  return /[\uFFFD\u0000-\u0008\u000e-\u001a]/.test(text) ? `\\x${bytes.toString('hex')}` : text
}
