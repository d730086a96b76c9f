import type { MaskingStyle } from '../policy/policy.ts'

/**
 * What `maskValue` gives, made from bytes to bytes for the values that are plain ASCII and nothing special: writes it at `at` of
 * `out` and returns where it ends; -1 where the value must be masked as text. Needs at most 32 bytes more than the value has.
 */
export type MaskBytes = (source: Uint8Array, start: number, end: number, out: Uint8Array, at: number) => number

/** Undefined for styles that need the text, or give NULL. */
export function maskBytes(style: MaskingStyle): MaskBytes | undefined {
  switch (style) {
    case 'redact':
      return (_source, _start, _end, out, at) => stars(out, at, 4)
    case 'keep-last-4':
      return keepLastFour
    case 'partial':
      return partial
    case 'hash':
    case 'null':
      return undefined
  }
}

const keepLastFour: MaskBytes = (source, start, end, out, at) => {
  if (!isAscii(source, start, end)) return -1
  const to = stars(out, at, 4)
  return end - start >= 8 ? copy(source, end - 4, end, out, to) : to
}

const partial: MaskBytes = (source, start, end, out, at) => {
  if (start === end) return at
  let sign = start
  let all = 0
  let common = LOCAL
  for (; sign < end; sign++) {
    const byte = source[sign] as number
    if (byte === AT) break
    all |= byte
    common &= CLASSES[byte] as number
  }
  if (sign < end) {
    if (common === 0 || sign === start || sign - start > 64) return -1
    const dot = lastDot(source, sign + 1, end)
    return dot < 0 ? -1 : address(source, start, dot, end, out, at)
  }
  if (all >= 0x80) return -1
  // Payment cards begin with a digit, bank accounts with two letters and two digits: what they look like masked is not said here.
  const first = source[start] as number
  if (isDigit(first) || (isCapital(first) && end - start > 3 && isDigit(source[start + 2] as number))) return -1
  if (end - start <= 4) return stars(out, at, 3)
  out[at] = first
  return stars(out, at + 1, 3)
}

/** The first character, and the last part of the domain. */
function address(source: Uint8Array, start: number, dot: number, end: number, out: Uint8Array, at: number): number {
  out[at] = source[start] as number
  const to = stars(out, at + 1, 3)
  out[to] = AT
  return copy(source, dot, end, out, stars(out, to + 1, 3))
}

/** Where the last part of a domain begins, as the detector of e-mail addresses has it in ASCII; -1 where it is none. */
function lastDot(source: Uint8Array, start: number, end: number): number {
  let label = start
  let dots = 0
  for (let i = start; i < end; i++) {
    const byte = source[i] as number
    if (byte === DOT) {
      if (i === label || i - label > 63 || ++dots > 8) return -1
      label = i + 1
    } else if ((CLASSES[byte] as number) < LOCAL + DOMAIN) return -1
  }
  return dots === 0 || label === end || end - label > 63 ? -1 : label - 1
}

function isAscii(source: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if ((source[i] as number) >= 0x80) return false
  return true
}

function stars(out: Uint8Array, at: number, count: number): number {
  for (let i = 0; i < count; i++) out[at + i] = STAR
  return at + count
}

function copy(source: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  for (let i = start; i < end; i++) out[at + i - start] = source[i] as number
  return at + end - start
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const isCapital = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a
const ALPHANUMERIC = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
/** What may stand before the sign of an address, and in a part of its domain: letters and digits are both. */
const LOCAL = 1
const DOMAIN = 2
const CLASSES = new Uint8Array(256)
for (const character of `${ALPHANUMERIC}-`) CLASSES[character.charCodeAt(0)] = LOCAL + DOMAIN
for (const character of ".!#$%&'*+/=?^_`{|}~") CLASSES[character.charCodeAt(0)] = LOCAL
const AT = 0x40
const DOT = 0x2e
const STAR = 0x2a
