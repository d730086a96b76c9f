import { randomBytes } from 'node:crypto'
import { WireError } from '../../../wire/wire-error.ts'
import type { Link } from '../upgrade/link.ts'
import { checkText, encodeClose, readClose, type WebSocketClose } from '../wire/websocket-close.ts'
import { encodeWebSocketMessage, WebSocketReader, type WebSocketMessage } from '../wire/websocket-frame.ts'
import type { ControlFrame } from './control-frames.ts'

/** A message that is one of RFC 6455 also in what it says. */
export type CheckedMessage =
  | { readonly type: 'text' | 'binary'; readonly payload: Buffer }
  | ControlFrame
  | ({ readonly type: 'close' } & WebSocketClose)

export interface PeerParts {
  readonly link: Link
  /** Who is at the other end: clients mask what they send, and servers do not. */
  readonly peer: 'client' | 'server'
  /** Of one message. */
  readonly maxBytes: number
  /** Told how many bytes of a message that is not whole are in memory. Throws where that are too many. */
  readonly held: (bytes: number) => void
}

/** Who is at one end of a WebSocket. */
export class WebSocketPeer {
  readonly #parts: PeerParts
  #hasClosed = false

  constructor(parts: PeerParts) {
    this.#parts = parts
  }

  /** Ends behind a close frame, and where the connection ends without one. Throws a `WireError` where RFC 6455 is violated. */
  async *messages(): AsyncGenerator<CheckedMessage, void, undefined> {
    const { link, peer, maxBytes, held } = this.#parts
    const reader = new WebSocketReader({ from: peer, maxBytes })
    for await (const chunk of link.pieces) {
      for (const message of reader.read(chunk)) {
        yield checked(message)
        // Nothing is sent behind it (section 5.5.1); what is, is not looked at.
        if (message.type === 'close') return
      }
      held(reader.heldBytes)
    }
    if (!reader.isIdle) throw new WireError(`a ${peer} of a WebSocket left in the middle of a message`)
  }

  /** Resolves when there is room for more. Behind a close frame nothing is sent. */
  async send(message: WebSocketMessage): Promise<void> {
    if (this.#hasClosed) return
    this.#hasClosed = message.type === 'close'
    const mask = this.#parts.peer === 'server' ? randomBytes(4) : undefined
    if (!this.#parts.link.write(encodeWebSocketMessage(message, mask))) await this.#parts.link.drained()
  }

  /** Says so once. */
  sendClose(close: WebSocketClose): void {
    void this.send({ type: 'close', payload: encodeClose(close) })
  }

  /** Ends the connection; what was sent still arrives. */
  leave(): void {
    this.#parts.link.close()
  }
}

function checked({ type, payload }: WebSocketMessage): CheckedMessage {
  if (type === 'close') return { type, ...readClose(payload) }
  if (type === 'ping' || type === 'pong') return { type, payload }
  if (type === 'text') checkText(payload)
  return { type, payload }
}
