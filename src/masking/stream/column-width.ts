/**
 * How many columns a character has on a screen: two where it is wide or full-width (Unicode Standard Annex 11, East Asian Width, W and F; the ranges
 * that terminals use, unassigned characters in them included), otherwise one.
 */
export function columnsOf(character: string): 1 | 2 {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x1100) return 1
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1
}

const WIDE: readonly (readonly [first: number, last: number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97c],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6b],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f200, 0x1f64f],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
]
