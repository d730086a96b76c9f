import { HmacKey } from './hmac.ts'

/** Keyed digests of texts, short enough to be read, from which nothing can be guessed back without the key. */
export function commitmentsUnder(key: Uint8Array): (text: string) => string {
  const hmac = new HmacKey(key)
  return (text) => hmac.hex(text).slice(0, DIGITS)
}

const DIGITS = 12
