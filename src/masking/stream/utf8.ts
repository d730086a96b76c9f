/** Up to where bytes are text of ASCII alone, with nothing in it that a terminal does not show: nearly all there is. */
export function plainUntil(bytes: Buffer, from: number, to: number): number {
  if (from >= to || PLAIN[bytes[from] as number] === 0) return from
  let at = from
  const lead = (bytes.byteOffset + at) & 3
  for (const aligned = Math.min(to, lead === 0 ? at : at + 4 - lead); at < aligned; at++)
    if (PLAIN[bytes[at] as number] === 0) return at
  const count = (to - at) >> 2
  const words = new Int32Array(count === 0 ? NO_WORDS : bytes.buffer, count && bytes.byteOffset + at, count)
  for (let index = 0; index < count; index++, at += 4) {
    const word = words[index] as number
    // Of four bytes at once: none above ASCII, none below a blank unless it is one of those from 8 to 13, and no DEL. A sum
    // sets the high bit of a byte that is at least 0x20, 8, 14, 0x7f; none carries into the next, unless there is one above ASCII.
    const low = ~((word + 0x60_60_60_60) | 0) & ~(((word + 0x78_78_78_78) | 0) & ~((word + 0x72_72_72_72) | 0))
    if (((word | ((word + 0x01_01_01_01) | 0) | low) & (0x80_80_80_80 | 0)) === 0) continue
    for (let end = at + 4, i = at; i < end; i++) if (PLAIN[bytes[i] as number] === 0) return i
  }
  for (; at < to; at++) if (PLAIN[bytes[at] as number] === 0) return at
  return to
}

const PLAIN = Uint8Array.from({ length: 256 }, (_, code) =>
  (code >= 0x08 && code <= 0x0d) || (code >= 0x20 && code < 0x7f) ? 1 : 0,
)
const NO_WORDS = new ArrayBuffer(0)

/** Controls of one character (C1). */
export const isC1 = (code: number): boolean => code >= 0x80 && code <= 0x9f

/** The character at `at` (RFC 3629), and how many bytes it has. */
export interface Character {
  readonly code: number
  readonly length: number
}

/** Undefined while more bytes may belong to it. A byte that is no UTF-8 is the character that it is in Latin-1, as which some terminals show it. */
export function characterAt(bytes: Buffer, at: number, end: number): Character | undefined {
  const first = bytes[at] as number
  if (first < 0x80) return { code: first, length: 1 }
  const length = characterLength(bytes, at, end)
  if (length === undefined) return undefined
  if (length === 0) return { code: first, length: 1 }
  let code = first & (0x7f >> length)
  for (let i = 1; i < length; i++) code = (code << 6) | ((bytes[at + i] as number) & 0x3f)
  return { code, length }
}

/** Bytes of the UTF-8 character at `at`; 0 where there is none. */
export const utf8Length = (bytes: Buffer, at: number): number => characterLength(bytes, at, bytes.length) ?? 0

/** 0 where there is none, undefined where more may come. */
function characterLength(bytes: Buffer, at: number, end: number): number | undefined {
  const first = bytes[at] as number
  if (first < 0x80) return 1
  const length =
    first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0
  for (let i = 1; i < length; i++) {
    if (at + i >= end) return undefined
    const next = bytes[at + i] as number
    if ((next & 0xc0) !== 0x80) return 0
    if (i === 1 && isOutside(first, next)) return 0
  }
  return length
}

/** Overlong forms, surrogates, and what is beyond Unicode. */
const isOutside = (first: number, second: number): boolean =>
  (first === 0xe0 && second < 0xa0) ||
  (first === 0xed && second > 0x9f) ||
  (first === 0xf0 && second < 0x90) ||
  (first === 0xf4 && second > 0x8f)
