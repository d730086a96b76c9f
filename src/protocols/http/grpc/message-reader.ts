import { PamError } from '../../../shared/errors.ts'

/** A piece of a body of gRPC: the prefix of a message, or some bytes of it. */
export type MessagePiece =
  | { readonly type: 'prefix'; readonly bytes: Buffer; readonly isCompressed: boolean; readonly length: number }
  /** `isLast`: the message ends with it. A message without bytes has one piece without any. */
  | { readonly type: 'bytes'; readonly bytes: Buffer; readonly isLast: boolean }

/**
 * Takes a body of gRPC apart (`Length-Prefixed-Message`, PROTOCOL-HTTP2.md): one byte that says whether the message is compressed, its length in four, and
 * the message. Throws a PamError where it is something else. The pieces are the body, byte for byte.
 */
export class MessageReader {
  readonly #side: 'client' | 'upstream'
  readonly #mayBeCompressed: boolean
  #prefix: Buffer = NOTHING
  /** Of the message that has begun. */
  #left: number | undefined
  #messages = 0

  /** `mayBeCompressed`: the head names an encoding of messages. */
  constructor({ side, mayBeCompressed }: { readonly side: 'client' | 'upstream'; readonly mayBeCompressed: boolean }) {
    this.#side = side
    this.#mayBeCompressed = mayBeCompressed
  }

  /** How many have begun. */
  get messages(): number {
    return this.#messages
  }

  push(chunk: Buffer): MessagePiece[] {
    const pieces: MessagePiece[] = []
    for (let rest = chunk; rest.length > 0;) {
      if (this.#left === undefined) {
        const taken = rest.subarray(0, PREFIX - this.#prefix.length)
        this.#prefix = Buffer.concat([this.#prefix, taken])
        rest = rest.subarray(taken.length)
        if (this.#prefix.length === PREFIX) pieces.push(...this.#begin(this.#prefix))
        continue
      }
      const bytes = rest.subarray(0, this.#left)
      rest = rest.subarray(bytes.length)
      this.#left -= bytes.length
      const isLast = this.#left === 0
      pieces.push({ type: 'bytes', bytes, isLast })
      if (isLast) this.#left = undefined
    }
    return pieces
  }

  /** Throws where the body ends within a message. */
  end(): void {
    if (this.#left !== undefined || this.#prefix.length > 0) throw this.#wrong('the body ends within a message of gRPC')
  }

  #begin(bytes: Buffer): MessagePiece[] {
    const [flag] = bytes
    const length = bytes.readUInt32BE(1)
    this.#prefix = NOTHING
    if (flag !== 0 && flag !== 1) throw this.#wrong('the body is not messages of gRPC')
    if (flag === 1 && !this.#mayBeCompressed)
      throw this.#wrong('a message of gRPC is compressed, and grpc-encoding does not say how')
    this.#messages++
    this.#left = length === 0 ? undefined : length
    const prefix = { type: 'prefix', bytes, isCompressed: flag === 1, length } as const
    return length === 0 ? [prefix, { type: 'bytes', bytes: NOTHING, isLast: true }] : [prefix]
  }

  #wrong(message: string): PamError {
    return new PamError('PROTOCOL_VIOLATION', message, { side: this.#side })
  }
}

/** In front of a message that is not compressed. */
export function encodePrefix(length: number): Buffer {
  const prefix = Buffer.alloc(PREFIX)
  prefix.writeUInt32BE(length, 1)
  return prefix
}

/** How many messages a body of a client has that is there as a whole. Throws a PamError where it is none. */
export function countMessages(body: Buffer, mayBeCompressed: boolean): number {
  const reader = new MessageReader({ side: 'client', mayBeCompressed })
  reader.push(body)
  reader.end()
  return reader.messages
}

/** How many bytes stand in front of a message. */
const PREFIX = 5
const NOTHING: Buffer = Buffer.alloc(0)
