/** What is written on a terminal, without what only moves or colours it: characters, and where their bytes are. */
export interface TerminalText {
  readonly text: string
  /** Offset of the first byte of each UTF-16 unit; a second unit of a pair has no bytes of its own. */
  readonly starts: Uint32Array
  /** Offset after its last byte. */
  readonly ends: Uint32Array
  /** Offset of what is not whole yet: an escape sequence or a character that more bytes belong to. */
  readonly cut: number
}

/**
 * Splits bytes into characters and escape sequences (ECMA-48). Colours (SGR) and erasing to the end of the line stand
 * within words, as grep writes them, and are passed over; every other sequence parts what stands before it from what
 * follows. Bytes that are no UTF-8 stand as U+FFFD, one each.
 */
export function decodeTerminal(bytes: Buffer): TerminalText {
  const latin = bytes.toString('latin1')
  if (PLAIN.test(latin)) {
    const offsets = identity(bytes.length + 1)
    return { text: latin, starts: offsets.subarray(0, bytes.length), ends: offsets.subarray(1), cut: bytes.length }
  }
  const units: string[] = []
  const starts = new Uint32Array(bytes.length + 1)
  const ends = new Uint32Array(bytes.length + 1)
  let count = 0
  const add = (unit: string, start: number, end: number): void => {
    units.push(unit)
    starts[count] = start
    ends[count++] = end
  }
  let at = 0
  while (at < bytes.length) {
    const byte = bytes[at] as number
    if (byte === ESC) {
      const length = sequenceLength(bytes, at)
      if (length === undefined) break
      if (!isPassedOver(bytes, at, length)) add(APART, at + length, at + length)
      at += length
    } else if (byte < 0x80) {
      add(String.fromCharCode(byte), at, at + 1)
      at++
    } else {
      const length = characterLength(bytes, at)
      if (length === undefined) break
      if (length === 0) {
        add('\uFFFD', at, at + 1)
        at++
        continue
      }
      const character = bytes.toString('utf8', at, at + length)
      add(character[0] as string, at, at + length)
      if (character.length > 1) add(character[1] as string, at + length, at + length)
      at += length
    }
  }
  return { text: units.join(''), starts: starts.subarray(0, count), ends: ends.subarray(0, count), cut: at }
}

/** 0, 1, 2, …: shared by all that is plain. */
function identity(length: number): Uint32Array {
  if (offsetsOfPlain.length < length) offsetsOfPlain = Uint32Array.from({ length: length * 2 }, (_, index) => index)
  return offsetsOfPlain.subarray(0, length)
}
let offsetsOfPlain = new Uint32Array(0)

/** Bytes of the sequence at `at`; undefined while it is not whole. One that is longer than any that is in use is cut there. */
function sequenceLength(bytes: Buffer, at: number): number | undefined {
  const limit = Math.min(bytes.length, at + LONGEST_SEQUENCE)
  const kind = bytes[at + 1]
  if (kind === undefined) return undefined
  if (kind === 0x5b) {
    // CSI: parameters and intermediates, then a final byte.
    for (let i = at + 2; i < limit; i++) {
      const byte = bytes[i] as number
      if (byte >= 0x40 && byte <= 0x7e) return i + 1 - at
      if (byte < 0x20 || byte > 0x7e) return i - at
    }
    return limit < bytes.length ? limit - at : undefined
  }
  // What OSC, DCS and the like carry is text as well: a title, a link, the clipboard.
  if (kind >= 0x20 && kind <= 0x2f) return bytes.length > at + 2 ? 3 : undefined
  return 2
}

const isPassedOver = (bytes: Buffer, at: number, length: number): boolean => {
  const final = bytes[at + length - 1]
  return bytes[at + 1] === 0x5b && (final === 0x6d || final === 0x4b)
}

/** Bytes of the UTF-8 character at `at` (RFC 3629); 0 where there is none. */
export const utf8Length = (bytes: Buffer, at: number): number => characterLength(bytes, at) ?? 0

/** Bytes of the UTF-8 character at `at` (RFC 3629): 0 where there is none, undefined where more may come. */
function characterLength(bytes: Buffer, at: number): number | undefined {
  const first = bytes[at] as number
  if (first < 0x80) return 1
  const length =
    first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0
  for (let i = 1; i < length; i++) {
    const next = bytes[at + i]
    if (next === undefined) return undefined
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

/** ASCII without escape sequences: nearly all there is. */
// oxlint-disable-next-line no-control-regex
const PLAIN = /^[\x00-\x1a\x1c-\x7f]*$/
const ESC = 0x1b
/** Bytes; nothing needs to be held back for long. */
const LONGEST_SEQUENCE = 256
/** Stands where a sequence parts two texts. */
const APART = '\u0000'
