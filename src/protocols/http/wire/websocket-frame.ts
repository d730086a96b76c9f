import { PartialUnit } from '../../../wire/partial-unit.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { byteAt } from '../../../wire/byte-at.ts'
import { joinPieces } from '../../../wire/join-pieces.ts'

/** What a WebSocket carries, put together where it came in fragments. Spec: RFC 6455. */
export interface WebSocketMessage {
  readonly type: 'text' | 'binary' | 'close' | 'ping' | 'pong'
  readonly payload: Buffer
}

/** Reads the frames of one direction. Extensions are never agreed on, so that nothing is compressed. */
export class WebSocketReader {
  readonly #isMasked: boolean
  readonly #maxBytes: number
  readonly #held = new PartialUnit()
  /** Of a message whose last frame has not come. */
  #fragments: Buffer[] = []
  #fragmentBytes = 0
  #type: 'text' | 'binary' | undefined

  /** Clients mask what they send, and servers do not. `maxBytes`: of one message. */
  constructor({ from, maxBytes }: { readonly from: 'client' | 'server'; readonly maxBytes: number }) {
    this.#isMasked = from === 'client'
    this.#maxBytes = maxBytes
  }

  /** Whether it stands between two messages. */
  get isIdle(): boolean {
    return this.#held.isEmpty && this.#type === undefined
  }

  /** Bytes of a message that is not whole yet. */
  get heldBytes(): number {
    return this.#held.length + this.#fragmentBytes
  }

  /**
   * The messages that these bytes complete, one by one, so that what came before a violation is there however the bytes were cut. To be iterated
   * over to its end before the next bytes are read.
   */
  *read(chunk: Buffer): Generator<WebSocketMessage, void, undefined> {
    let bytes = this.#held.join(chunk)
    if (bytes === undefined) return
    for (;;) {
      const frame = this.#frame(bytes)
      if (typeof frame === 'number') return this.#held.keep(bytes, frame)
      bytes = bytes.subarray(frame.bytes)
      if (frame.message !== undefined) yield frame.message
    }
  }

  /** The frame at the beginning of these bytes, and the message that it ends; how many bytes it takes to go on where it is not whole. */
  #frame(bytes: Buffer): { readonly bytes: number; readonly message: WebSocketMessage | undefined } | number {
    const [first, second] = bytes
    if (first === undefined || second === undefined) return 2
    const isLast = (first & 0x80) !== 0
    if ((first & 0x70) !== 0) throw new WireError('a frame of a WebSocket uses an extension')
    const opcode = first & 0x0f
    if (((second & 0x80) !== 0) !== this.#isMasked)
      throw new WireError(this.#isMasked ? 'a frame of a client is not masked' : 'a frame of a server is masked')
    const isControl = opcode >= 8
    const short = second & 0x7f
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
    if (isControl && (short > MAX_CONTROL || !isLast)) throw new WireError('a control frame is too long or not whole')
    const head = 2 + lengthBytes + (this.#isMasked ? 4 : 0)
    if (bytes.length < 2 + lengthBytes) return 2 + lengthBytes
    const length = this.#lengthOf(bytes, short)
    const room = isControl ? MAX_CONTROL : this.#maxBytes - this.#fragmentBytes
    if (length > room)
      throw new WireError(`a message of a WebSocket is longer than ${this.#maxBytes} bytes`, 'too-large')
    if (bytes.length < head + length) return head + length
    const payload = this.#isMasked
      ? unmasked(bytes.subarray(head, head + length), bytes.subarray(head - 4, head))
      : bytes.subarray(head, head + length)
    const message = isControl ? { type: controlType(opcode), payload } : this.#data(opcode, payload, isLast)
    return { bytes: head + length, message }
  }

  /** The shortest form is the only one. */
  #lengthOf(bytes: Buffer, short: number): number {
    if (short < 126) return short
    const length = short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    if (length < (short === 126 ? 126 : 0x10000))
      throw new WireError('the length of a frame is not in its shortest form')
    return length
  }

  /** The message, once its last fragment has come. */
  #data(opcode: number, payload: Buffer, isLast: boolean): WebSocketMessage | undefined {
    if (opcode > 2) throw new WireError(`frames of a WebSocket have no opcode ${opcode}`)
    const type = opcode === 0 ? this.#type : opcode === 1 ? 'text' : 'binary'
    if (type === undefined || (opcode !== 0 && this.#type !== undefined))
      throw new WireError('the fragments of a message do not follow one another')
    this.#type = type
    this.#fragments.push(payload)
    this.#fragmentBytes += payload.length
    if (this.#fragments.length > MAX_FRAGMENTS)
      throw new WireError('a message of a WebSocket has too many fragments', 'too-large')
    if (!isLast) return undefined
    const message = { type, payload: joinPieces(this.#fragments) }
    this.#fragments = []
    this.#fragmentBytes = 0
    this.#type = undefined
    return message
  }
}

/** One frame that is a whole message. `mask`: four random bytes, where a client sends it. */
export function encodeWebSocketMessage({ type, payload }: WebSocketMessage, mask?: Buffer): Buffer {
  const { length } = payload
  const lengthBytes = length < 126 ? 0 : length < 0x10000 ? 2 : 8
  const head = Buffer.alloc(2 + lengthBytes)
  head[0] = 0x80 | OPCODES[type]
  head[1] = (mask === undefined ? 0 : 0x80) | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) head.writeUInt16BE(length, 2)
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(length), 2)
  return mask === undefined ? Buffer.concat([head, payload]) : Buffer.concat([head, mask, unmasked(payload, mask)])
}

/** Masking and unmasking are the same. */
function unmasked(payload: Buffer, mask: Buffer): Buffer {
  const plain = Buffer.allocUnsafe(payload.length)
  for (let index = 0; index < payload.length; index++) plain[index] = byteAt(payload, index) ^ byteAt(mask, index & 3)
  return plain
}

function controlType(opcode: number): 'close' | 'ping' | 'pong' {
  if (opcode === 8) return 'close'
  if (opcode === 9) return 'ping'
  if (opcode === 10) return 'pong'
  throw new WireError(`frames of a WebSocket have no opcode ${opcode}`)
}

const OPCODES = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const
const MAX_CONTROL = 125
/** A writer with the smallest buffer that anybody uses makes fewer. */
const MAX_FRAGMENTS = 4096
