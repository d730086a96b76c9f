import { randomFillSync } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { FRAME_HEADER, writeFrameHeader, type FrameType } from './mux-frame.ts'

/**
 * Collects frames of a shared tunnel in memory that is used again, with room for the header of the WebSocket message before them,
 * and writes each message (RFC 6455, section 5.2) to the connection at once. The WebSocket writes its own control frames to the
 * same connection, each as a whole, so the two do not meet within a frame.
 */
export class MessageWriter {
  readonly #connection: Duplex
  /** What an agent sends is masked. */
  readonly #isMasked: boolean
  readonly #written: () => void
  #memory = Buffer.allocUnsafeSlow(MEMORY_BYTES)
  /** The same memory, by words: it begins where its buffer does. */
  #words = wordsOf(this.#memory)
  /** Where the payload of the message begins, and where the next byte of it goes. */
  #start = MAX_HEADER
  #at = MAX_HEADER
  /** Where the frame of bytes begins that is being added. */
  #frame = 0
  /** Messages that the connection still reads from memory. */
  #unsent = 0

  /** `written` is called whenever the connection has taken a message. */
  constructor(connection: Duplex, { isMasked, written }: { readonly isMasked: boolean; readonly written: () => void }) {
    this.#connection = connection
    this.#isMasked = isMasked
    this.#written = () => {
      this.#unsent--
      written()
    }
  }

  /** Bytes of the message so far. */
  get length(): number {
    return this.#at - this.#start
  }

  /** Bytes that are not yet on their way. */
  get waiting(): number {
    return this.#connection.writableLength + this.length
  }

  /** Adds a frame that was encoded already. */
  add(frame: Uint8Array): void {
    this.#need(frame.length)
    this.#memory.set(frame, this.#at)
    this.#at += frame.length
  }

  /** Begins a frame whose payload comes in pieces. */
  begin(): void {
    this.#need(FRAME_HEADER)
    this.#frame = this.#at - this.#start
    this.#at += FRAME_HEADER
  }

  /** Ends what `begin` began. */
  end(type: FrameType, id: number): void {
    const at = this.#start + this.#frame
    writeFrameHeader(this.#memory, at, type, id, this.#at - at - FRAME_HEADER)
  }

  /** Writes the message, if there is anything in it. */
  send(): void {
    const length = this.#at - this.#start
    if (length === 0) return
    const from = this.#header(length)
    const message = this.#memory.subarray(from, this.#at)
    this.#unsent++
    this.#start = this.#at = this.#at + MAX_HEADER
    this.#connection.write(message, this.#written)
  }

  /** Once it has been read, the memory is reused from its start. */
  #need(bytes: number): void {
    if (this.#at === this.#start && this.#unsent === 0) this.#start = this.#at = MAX_HEADER
    if (this.#at + bytes <= this.#memory.length) return
    const length = this.#at - this.#start
    const larger = Buffer.allocUnsafeSlow(Math.max(MEMORY_BYTES, 2 * (MAX_HEADER + length + bytes)))
    larger.set(this.#memory.subarray(this.#start, this.#at), MAX_HEADER)
    this.#memory = larger
    this.#words = wordsOf(larger)
    this.#start = MAX_HEADER
    this.#at = MAX_HEADER + length
  }

  /** Writes the header right before the payload; returns where it begins. */
  #header(length: number): number {
    const memory = this.#memory
    let from = this.#start
    if (this.#isMasked) {
      from -= 4
      mask(memory, this.#words, { start: this.#start, end: this.#at, keyAt: from })
    }
    const bit = this.#isMasked ? MASKED : 0
    if (length < 126) {
      memory[--from] = bit | length
    } else if (length < 65_536) {
      memory.writeUInt16BE(length, (from -= 2))
      memory[--from] = bit | 126
    } else {
      memory.writeUInt32BE(length, (from -= 4))
      memory.writeUInt32BE(0, (from -= 4))
      memory[--from] = bit | 127
    }
    memory[--from] = FINAL_BINARY
    return from
  }
}

interface Masked {
  readonly start: number
  readonly end: number
  readonly keyAt: number
}

/** Under a key that nobody foresees, which is put at `keyAt`: byte by byte up to a whole word, then by words (RFC 6455, section 5.3). */
function mask(memory: Buffer, words: Uint32Array, { start, end, keyAt }: Masked): void {
  if (keysUsed === KEYS.length) {
    randomFillSync(KEYS)
    keysUsed = 0
  }
  for (let n = 0; n < 4; n++) memory[keyAt + n] = KEYS[keysUsed++] as number
  const keyByte = (at: number): number => memory[keyAt + ((at - start) & 3)] as number
  const bytes = (from: number, to: number): void => {
    for (let at = from; at < to; at++) memory[at] = (memory[at] as number) ^ keyByte(at)
  }
  const [first, last] = [(start + 3) >> 2, end >> 2]
  if (first >= last) return bytes(start, end)
  bytes(start, 4 * first)
  for (let n = 0; n < 4; n++) WORD_BYTES[n] = keyByte(4 * first + n)
  const word = WORD[0] as number
  for (let at = first; at < last; at++) words[at] = (words[at] as number) ^ word
  bytes(4 * last, end)
}

const wordsOf = (memory: Buffer): Uint32Array =>
  new Uint32Array(memory.buffer, memory.byteOffset, Math.floor(memory.length / 4))

/** A key as it lies in memory, in whichever order this processor has the bytes of a word. */
const WORD = new Uint32Array(1)
const WORD_BYTES = new Uint8Array(WORD.buffer)
const KEYS = new Uint8Array(4096)
let keysUsed = KEYS.length
/** A message in one piece, binary. */
const FINAL_BINARY = 0x82
const MASKED = 0x80
/** Two bytes, eight of a length, four of a key. */
const MAX_HEADER = 14
/** Grows with what is sent in one message. */
const MEMORY_BYTES = 64 * 1024
