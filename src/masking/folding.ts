/**
 * One reading of the ways to write a character of a value: digits of any script, letters and signs of other widths and styles (NFKC, Unicode Standard Annex
 * 15), blanks, dashes and dots of any kind are those of ASCII, and what is not seen is not there. Values that differ in nothing else are one value.
 */

/** A character stands for itself. */
export const ITSELF = 0x80
/** It is not there to whoever reads: a mark on another, a direction, a joiner, a soft hyphen, a control. */
export const UNSEEN = 0x81
/** It stands for several characters of ASCII (`foldedText`). */
export const SEVERAL = 0x82

/** What a code point stands for: a code of ASCII, or `ITSELF`, `UNSEEN` or `SEVERAL`. */
export function fold(code: number): number {
  if (code > 0xffff) return foldBeyond(code)
  const known = BASIC[code] as number
  return known === 0 ? (BASIC[code] = compute(code)) : known
}

/** The characters of ASCII that a code point stands for, where they are `SEVERAL`: `10` for U+2469. */
export const foldedText = (code: number): string => String.fromCodePoint(code).normalize('NFKC')

/** Whether a character has no place of its own in a text, so that what stands on both sides of it stands together. */
export const isUnseen = (code: number): boolean => fold(code) === UNSEEN

function foldBeyond(code: number): number {
  const known = others.get(code)
  if (known !== undefined) return known
  const folded = compute(code)
  if (others.size < MAX_KNOWN) others.set(code, folded)
  return folded
}

function compute(code: number): number {
  if (code >= 0x20 && code < 0x7f) return code
  // Layout of a text: tabs, and ends of lines and pages.
  if (code >= 0x09 && code <= 0x0d) return code
  if (code < 0xa0 || INVISIBLE.test(String.fromCodePoint(code))) return UNSEEN
  const character = String.fromCodePoint(code)
  if (DIGIT.test(character)) return 0x30 + digitOf(code)
  const plain = character.normalize('NFKC')
  if (BLANK.test(plain)) return 0x20
  if (DASH.test(plain)) return 0x2d
  if (DOT.test(plain)) return 0x2e
  if (!ASCII.test(plain)) return ITSELF
  if (plain.length === 1) return plain.charCodeAt(0)
  // Ligatures are letters of their own, as which they stand in addresses.
  return LETTERS.test(plain) ? ITSELF : SEVERAL
}

/** Decimal digits of a script stand behind each other from 0 to 9 (Unicode Standard, section 4.6). Some scripts stand behind others. */
function digitOf(code: number): number {
  let first = code
  while (DIGIT.test(String.fromCodePoint(first - 1))) first--
  return (code - first) % 10
}

/** By code point of the basic plane; 0 where it is not known yet. */
const BASIC = new Uint8Array(0x1_0000)
const others = new Map<number, number>()
const MAX_KNOWN = 4096
/** Marks that join others, directions, joiners, tags, separators of lines, vowels and finals of Hangul. */
const INVISIBLE = /^[\p{M}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u1160-\u11ff\ud7b0-\ud7ff]$/u
const DIGIT = /^\p{Nd}$/u
/** Also the pattern of Braille without a dot. */
const BLANK = /^[\p{Zs}\u2800]$/u
/** Also the minus sign, the hyphen bullet, and the modifier letter. */
const DASH = /^[\p{Pd}\u2212\u2043\u02d7]$/u
/** What separates the labels of a domain besides U+002E (RFC 3490, section 3.1), and small and Arabic full stops. */
const DOT = /^[.\u3002\u06d4\u2024]$/u
const ASCII = /^[!-~]+$/
const LETTERS = /^[A-Za-z]+$/
