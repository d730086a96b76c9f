import { hash } from 'node:crypto'

/**
 * HMAC-SHA-256 (RFC 2104) for a key that many messages come under. The padded keys are made once and each digest takes two
 * one-shot hashes, which costs half of what an Hmac object does for the short messages that every command has.
 */
export class HmacKey {
  readonly #inner = Buffer.alloc(BLOCK, 0x36)
  readonly #outer = Buffer.alloc(BLOCK + 32, 0x5c)

  /** `key` is at most 64 bytes long: longer ones would have to be hashed first, and we have none. */
  constructor(key: Uint8Array) {
    if (key.length > BLOCK) throw new RangeError(`an HMAC key of ${key.length} bytes`)
    key.forEach((byte, index) => {
      this.#inner[index] = byte ^ 0x36
      this.#outer[index] = byte ^ 0x5c
    })
  }

  /** Of a text in UTF-8, in hexadecimal. */
  hex(text: string): string {
    const message = Buffer.allocUnsafe(BLOCK + Buffer.byteLength(text))
    this.#inner.copy(message)
    message.write(text, BLOCK)
    hash('sha256', message, 'buffer').copy(this.#outer, BLOCK)
    return hash('sha256', this.#outer, 'hex')
  }
}

/** Bytes that SHA-256 works on at a time. */
const BLOCK = 64
