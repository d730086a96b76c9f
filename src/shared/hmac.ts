import { hash } from 'node:crypto'

/**
 * HMAC-SHA-256 (RFC 2104) for a key that many messages come under. The padded keys are made once and each digest takes two
 * one-shot hashes, which costs half of what an Hmac object does for the short messages that every command has.
 */
export class HmacKey {
  readonly #inner = Buffer.alloc(BLOCK)
  readonly #outer = Buffer.alloc(BLOCK + 32)

  /** `key` is at most 64 bytes long: longer ones would have to be hashed first, and we have none. */
  constructor(key: Uint8Array) {
    if (key.length > BLOCK) throw new RangeError(`an HMAC key of ${key.length} bytes`)
    padKey(key, this.#inner, this.#outer)
  }

  /** Of a text in UTF-8, in hexadecimal. */
  hex(text: string): string {
    const room = BLOCK + MAX_CHARACTER_LENGTH * text.length
    const message = room > scratch.length ? Buffer.allocUnsafe(room) : scratch
    this.#inner.copy(message)
    const end = BLOCK + message.write(text, BLOCK)
    return this.#finish(message.subarray(0, end))
  }

  /** The same of texts that all begin with this one: it is written once. */
  startingWith(prefix: string): (rest: string) => string {
    const start = BLOCK + Buffer.byteLength(prefix)
    let message = Buffer.allocUnsafe(2 * start)
    const begin = (): void => {
      this.#inner.copy(message)
      message.write(prefix, BLOCK)
    }
    begin()
    return (rest) => {
      const room = start + MAX_CHARACTER_LENGTH * rest.length
      if (room > message.length) {
        message = Buffer.allocUnsafe(2 * room)
        begin()
      }
      return this.#finish(message.subarray(0, start + message.write(rest, start)))
    }
  }

  #finish(message: Uint8Array): string {
    // A digest as a string of bytes costs half of what a buffer for it does.
    this.#outer.write(hash('sha256', message, 'binary'), BLOCK, 'latin1')
    return hash('sha256', this.#outer, 'hex')
  }
}

/** What the inner and the outer hash begin with, written at the start of each. Source: RFC 2104, section 2. */
export function padKey(key: Uint8Array, inner: Uint8Array, outer: Uint8Array): void {
  inner.fill(0x36, 0, BLOCK)
  outer.fill(0x5c, 0, BLOCK)
  for (let i = 0; i < key.length; i++) {
    const byte = key[i] as number
    inner[i] = byte ^ 0x36
    outer[i] = byte ^ 0x5c
  }
}

/** Bytes that SHA-256 works on at a time. */
export const BLOCK = 64
/** Bytes in UTF-8 of what is one unit of a string. */
const MAX_CHARACTER_LENGTH = 3
/** Where messages are put together; nothing waits between the writing and the hashing. */
const scratch = Buffer.allocUnsafeSlow(16_384)
