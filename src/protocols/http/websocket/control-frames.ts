/** A ping or a pong (RFC 6455, sections 5.5.2 and 5.5.3). */
export interface ControlFrame {
  readonly type: 'ping' | 'pong'
  readonly payload: Buffer
}

export interface ControlFramesParts {
  /** Values are masked: what a target says in a control frame is not shown. */
  readonly isMasking: boolean
  /** Puts stars in the place of what the gateway signs in with. */
  readonly scrub: (bytes: Buffer) => Buffer
}

/**
 * Pings and pongs between a client and a target. A pong repeats what the ping said, and some servers give up a client that repeats something else: what a
 * client must not see of a ping is a number for it, and is put back into its pong.
 */
export class ControlFrames {
  readonly #parts: ControlFramesParts
  /** Of the target's last ping whose payload is not shown. */
  #hidden: { readonly shown: Buffer; readonly said: Buffer } | undefined
  /** What the client's last ping said. */
  #asked: Buffer = NOTHING
  #count = 0

  constructor(parts: ControlFramesParts) {
    this.#parts = parts
  }

  /** As the target gets it. */
  fromClient({ type, payload }: ControlFrame): ControlFrame {
    if (type === 'ping') this.#asked = Buffer.from(payload)
    const isAnswer = type === 'pong' && this.#hidden?.shown.equals(payload) === true
    return { type, payload: isAnswer ? (this.#hidden?.said ?? payload) : payload }
  }

  /** As the client gets it. */
  fromTarget({ type, payload }: ControlFrame): ControlFrame {
    // It is the client's own.
    if (type === 'pong' && payload.equals(this.#asked)) return { type, payload }
    const clean = this.#parts.scrub(payload)
    if (!this.#parts.isMasking && clean.equals(payload)) return { type, payload }
    if (type === 'pong') return { type, payload: NOTHING }
    const shown = Buffer.alloc(4)
    shown.writeUInt32BE(this.#count++ % 0x1_0000_0000)
    this.#hidden = { shown, said: Buffer.from(payload) }
    return { type, payload: shown }
  }
}

const NOTHING = Buffer.alloc(0)
