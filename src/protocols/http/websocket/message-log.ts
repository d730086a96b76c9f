import type { Session } from '../../../gateway/engine.ts'
import { withoutSecretsInData } from '../../../host/without-secrets.ts'
import { hasEscapes, withoutEscapes } from '../../../masking/escapes.ts'
import { escapeMarks } from '../../../shared/commitment.ts'
import type { WebSocketMessage } from '../wire/websocket-frame.ts'

export interface MessageLogParts {
  readonly session: Pick<Session, 'recorder' | 'masking' | 'commitment'>
  /** The decision that they are recorded under. */
  readonly command: string
  /** Bytes that are kept of each direction. */
  readonly limit: number
}

export interface MessageEnd {
  /** For people. */
  readonly said: string
  readonly error: string | undefined
  readonly durationMs: number
}

type Sender = 'client' | 'target'

/** What passes over a WebSocket, on record as the client sees it, with a commitment in place of each secret. */
export class MessageLog {
  readonly #parts: MessageLogParts
  readonly #room: Record<Sender, number>
  readonly #isCut = new Set<Sender>()
  #hasColumns = false
  /** So far, from both sides. */
  messages = 0
  /** Of what the client was sent. */
  bytes = 0

  constructor(parts: MessageLogParts) {
    this.#parts = parts
    this.#room = { client: parts.limit, target: parts.limit }
  }

  /** A message of data, or what a control frame carries: of `close`, its reason. */
  add(sender: Sender, type: WebSocketMessage['type'], payload: Buffer): void {
    if (sender === 'target') this.bytes += payload.length
    const isControl = type !== 'text' && type !== 'binary'
    if (!isControl) this.messages++
    // That somebody is there is no news.
    if (isControl && payload.length === 0) return
    const room = this.#room[sender]
    if (room <= 0) return this.#cut(sender)
    // One without content takes its place, too.
    this.#room[sender] = Math.max(0, room - Math.max(payload.length, SMALLEST))
    const text =
      type === 'text' || type === 'close'
        ? this.#keep(payload.toString('utf8', 0, room + BEYOND))
        : `\\x${payload.toString('hex', 0, room)}`
    this.#row([sender, type, payload.length <= room ? text : text.slice(0, room)])
    if (payload.length > room) this.#cut(sender)
  }

  #row(row: readonly string[]): void {
    const { session, command } = this.#parts
    session.recorder.outcome({
      type: 'rows',
      command,
      ...(this.#hasColumns ? {} : { columns: ['from', 'type', 'message'] }),
      rows: [row],
    })
    this.#hasColumns = true
  }

  /** Said once for each direction. */
  #cut(sender: Sender): void {
    if (this.#isCut.has(sender)) return
    this.#isCut.add(sender)
    const { session, command, limit } = this.#parts
    session.recorder.outcome({
      type: 'notice',
      message: `messages of the ${sender} beyond ${limit} bytes are not kept (${command})`,
    })
  }

  /** Its end. `error`: undefined where one of the two sides has closed it as usual. */
  end({ said, error, durationMs }: MessageEnd): void {
    const { session, command } = this.#parts
    session.recorder.outcome({ type: 'notice', message: said })
    session.recorder.outcome({
      type: 'result',
      command,
      tag: `101, ${this.messages} ${this.messages === 1 ? 'message' : 'messages'}`,
      rows: 0,
      bytes: this.bytes,
      durationMs: Math.round(durationMs),
      error,
    })
  }

  /** A secret may be spelled with escapes, as in JSON: then the text is kept as a reader of those has it. */
  #keep(text: string): string {
    const { session } = this.#parts
    const keep = (said: string): string => withoutSecretsInData(escapeMarks(said), session)
    if (!hasEscapes(text)) return keep(text)
    const plain = withoutEscapes(text)
    const kept = keep(plain)
    return kept === escapeMarks(plain) ? keep(text) : kept
  }
}

/** Bytes. */
const SMALLEST = 16
/** Bytes behind what is kept: of what reaches so far, such as a token, all is looked at. */
const BEYOND = 80 * 1024
