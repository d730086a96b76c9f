import type { MaskedKind } from './plan.ts'

/** Tells of most texts at once that no value is in them: what it says no of, `hideInText` hides nothing in. */
export type ValueFilter = (bytes: Uint8Array, start: number, end: number) => boolean

/**
 * The filter for values of these kinds in UTF-8. What the characters of a text may stand for is not known: where an escape may be, or one that stands
 * for another (`folding.ts`), so may a value.
 */
export function valueFilter(kinds: readonly MaskedKind[]): ValueFilter {
  if (kinds.length === 0) return () => false
  const signs = kinds.flatMap(({ kind }) => (typeof kind === 'string' ? SIGNS[kind] : undefined))
  if (signs.includes(undefined)) return () => true
  const known = signs.filter((one) => one !== undefined)
  return (bytes, start, end) => {
    const length = end - start
    let classes = 0
    for (let at = start; at < end; at++) classes |= CLASS_OF[bytes[at] as number] as number
    if ((classes & ESCAPE) !== 0) return true
    for (const { has, least, run } of known)
      if ((classes & has) === has && length >= least && (run === undefined || longest(run, bytes, start, end) >= least))
        return true
    return false
  }
}

/** How many characters of these classes stand in a row. */
function longest(classes: number, bytes: Uint8Array, start: number, end: number): number {
  let [most, count] = [0, 0]
  for (let at = start; at < end; at++) {
    if (((CLASS_OF[bytes[at] as number] as number) & classes) === 0) count = 0
    else if (++count > most) most = count
  }
  return most
}

/**
 * Controls, and the first bytes in UTF-8 of characters that stand for another, except for small letters. Most letters of Latin, Greek, Cyrillic and
 * Hangul, and nearly all ideographs, have others.
 */
const beginsFolded = (code: number): boolean =>
  code < 0x09 || (code > 0x0d && code < 0x20) || code === 0x7f || FOLDED_FIRST.has(code)
const FOLDED_FIRST: ReadonlySet<number> = new Set([
  0xc2, 0xcb, 0xcc, 0xcd, 0xd2, 0xd6, 0xd7, 0xd8, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xe1, 0xe2, 0xe3, 0xea,
  0xed, 0xef, 0xf0, 0xf3,
])

const DIGIT = 1
const CAPITAL = 2
const BLANK = 4
const DASH = 8
const AT = 16
const DOT = 32
const OPENING = 64
const ESCAPE = 128
const CLASS_OF = Uint8Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code)
  if (/\d/.test(character)) return DIGIT
  if (/[A-Z]/.test(character)) return CAPITAL
  if ('&%\\'.includes(character) || beginsFolded(code)) return ESCAPE
  const at = [' ', '-', '@', '.', '+', '('].indexOf(character)
  return at < 0 ? 0 : ([BLANK, DASH, AT, DOT, OPENING, OPENING][at] as number)
})

/** What every value of a kind has in it. */
interface Sign {
  /** Characters of each of these classes. */
  readonly has: number
  /** So many bytes. */
  readonly least: number
  /** All of them of these classes. */
  readonly run?: number
}

/** Any one of several; undefined where there is nothing to tell by. */
const SIGNS: Readonly<Record<Extract<MaskedKind['kind'], string>, Sign | readonly Sign[] | undefined>> = {
  email: { has: AT | DOT, least: 5 },
  'payment-card': { has: DIGIT, least: 13, run: DIGIT | BLANK | DASH | DOT },
  iban: { has: CAPITAL | DIGIT, least: 15, run: CAPITAL | DIGIT | BLANK },
  phone: [
    { has: OPENING | DIGIT, least: 9 },
    { has: BLANK | DIGIT, least: 12 },
    { has: DASH | DIGIT, least: 12 },
  ],
  'national-id': { has: DIGIT, least: 9 },
  'ip-address': undefined,
  jwt: { has: CAPITAL | DOT, least: 12 },
  'private-key': { has: DASH | CAPITAL, least: 27 },
  'cloud-key': undefined,
}
