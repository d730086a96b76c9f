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
  let sign = -1
  let dot = -1
  let dots = 0
  for (let i = start; i < end; i++) {
    const byte = source[i] as number
    if (byte >= 0x80) return -1
    if (byte === AT) {
      if (sign >= 0) return -1
      sign = i
    } else if (byte === DOT && sign >= 0) {
      dot = i
      dots++
    }
  }
  if (sign >= 0) return isAddress(source, start, sign, end, dots) ? address(source, start, dot, end, out, at) : -1
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

/** As the detector of e-mail addresses has it, in ASCII, and nothing around it. */
function isAddress(source: Uint8Array, start: number, sign: number, end: number, dots: number): boolean {
  if (sign === start || sign - start > 64 || dots < 1 || dots > 8) return false
  for (let i = start; i < sign; i++) if (LOCAL[source[i] as number] !== 1) return false
  let label = 0
  for (let i = sign + 1; i <= end; i++) {
    const byte = i === end ? DOT : (source[i] as number)
    if (byte === DOT) {
      if (label === 0 || label > 63) return false
      label = 0
    } else {
      if (DOMAIN[byte] !== 1) return false
      label++
    }
  }
  return true
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

const tableOf = (characters: string): Uint8Array => {
  const table = new Uint8Array(128)
  for (const character of characters) table[character.charCodeAt(0)] = 1
  return table
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const isCapital = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a
const ALPHANUMERIC = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const LOCAL = tableOf(`${ALPHANUMERIC}.!#$%&'*+/=?^_\`{|}~-`)
const DOMAIN = tableOf(`${ALPHANUMERIC}-`)
const AT = 0x40
const DOT = 0x2e
const STAR = 0x2a
