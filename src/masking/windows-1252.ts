/** The code point of a byte in Windows-1252, as which browsers read ISO 8859-1 too (WHATWG Encoding, section 4.2). */
export const windows1252 = (byte: number): number =>
  byte < 0x80 || byte > 0x9f ? byte : (CHARACTERS[byte - 0x80] ?? byte)

const CHARACTERS: readonly number[] = Array.from(
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f' +
    '\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178',
  (character) => character.charCodeAt(0),
)
