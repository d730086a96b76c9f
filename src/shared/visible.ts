import { MARK } from './commitment.ts'

/**
 * Text from elsewhere, safe to show in a terminal and honest to read: control characters (which could move the
 * cursor or recolour what was shown) and characters that are invisible or turn the direction are spelled out.
 */
export function visible(text: string): string {
  return text.replace(HIDDEN, spelled)
}

/**
 * The same for a value within a line: the end of a line in it is spelled out, too, since what follows would look like a line of ours.
 */
export const visibleInLine = (text: string): string => visible(text).replaceAll(/[\n\t]/g, spelled)

/**
 * JSON that is safe to show in a terminal: the characters that `visible` spells out are escaped, as RFC 8259 allows anywhere in a
 * string, so that the value is the same. JSON.stringify escapes those below U+0020 only; U+009B begins a control sequence, too.
 */
export function visibleJson(json: string): string {
  return json.replace(HIDDEN, (char) =>
    Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )
}

/** How many characters of a text say something: none that is not seen, and one blank where there are several. */
export function writtenLength(text: string): number {
  const written = text.replace(HIDDEN, '').replace(BLANK_RUN, ' ').trim()
  return [...written].length
}

/** A piece of a text: as it is, or one character that a reader would not see, or take for another. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'hidden' | 'lookalike'; readonly text: string; readonly code: string; readonly what: string }

/** Cuts a text so that what deceives the eye can be marked. The texts of all pieces together are the text. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = []
  let at = 0
  for (const match of text.matchAll(DECEIVING)) {
    const [char] = match
    if (match.index > at) found.push({ kind: 'text', text: text.slice(at, match.index) })
    const code = `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
    const hidden = char.search(HIDDEN) === 0 || BLANKS.test(char)
    found.push({ kind: hidden ? 'hidden' : 'lookalike', text: char, code, what: whatIs(char, hidden) })
    at = match.index + char.length
  }
  if (at < text.length) found.push({ kind: 'text', text: text.slice(at) })
  return found
}

/**
 * The same of a text as it stands on record: what stands there in place of a value is ours, and deceives nobody; a sign of the text's own
 * that looks like it is spelled out there, and marked.
 */
export function recordedPieces(text: string): Piece[] {
  const found: Piece[] = []
  let at = 0
  for (const { 0: mark, index } of text.matchAll(MARK)) {
    found.push(...pieces(text.slice(at, index)))
    const sign = { '‹U+2039›': '\u2039', '‹U+203A›': '\u203a' }[mark]
    if (sign === undefined) found.push({ kind: 'text', text: mark })
    else found.push(...pieces(sign))
    at = index + mark.length
  }
  found.push(...pieces(text.slice(at)))
  return found
}

function whatIs(char: string, hidden: boolean): string {
  if (BLANKS.test(char)) return 'a space that is not the usual one'
  if (hidden) return 'a character that is not seen'
  const script = SCRIPTS.find(([, pattern]) => pattern.test(char))?.[0]
  return script === undefined ? 'looks like another character' : `a ${script} letter, which may look like a Latin one`
}

const spelled = (char: string): string => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`

// C0 but tab and newline, DEL and C1; soft hyphen; combining grapheme joiner; zero-width and direction marks; line
// separators; variation selectors; tags; interlinear marks; byte order mark.
/* oxlint-disable no-control-regex, no-misleading-character-class */
const HIDDEN_CLASS =
  '\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff9-\\ufffb\\u{e0000}-\\u{e0fff}'
/** Spaces other than U+0020. */
const BLANK_CLASS = '\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u2800\\u3000'
/**
 * Letters and signs that are drawn like those of ASCII: scripts with many such letters (UTS #39, confusables), compatibility
 * forms, quotation marks, dashes, fractions and colons.
 */
const LOOKALIKE_CLASS =
  '\\p{Script=Cyrillic}\\p{Script=Greek}\\p{Script=Armenian}\\p{Script=Cherokee}\\p{Script=Coptic}\\p{Script=Lisu}\\p{Script=Deseret}\\u0131\\u0237\\u0251\\u0261\\u0269\\u01c0\\u01c3\\u2010-\\u2015\\u2018-\\u201f\\u2024\\u2032-\\u2035\\u2039\\u203a\\u2044\\u2212\\u2215\\u2216\\u2217\\u2223\\u2236\\u223c\\u02b9-\\u02bf\\u02c8\\u037e\\u0589\\u05c3\\u1d00-\\u1d2b\\u2100-\\u214f\\u2160-\\u217f\\ua78c\\uff01-\\uff5e\\u{1d400}-\\u{1d7ff}'
const HIDDEN = new RegExp(`[${HIDDEN_CLASS}]`, 'gu')
const BLANKS = new RegExp(`[${BLANK_CLASS}]`, 'u')
const BLANK_RUN = new RegExp(`[\\s${BLANK_CLASS}]+`, 'gu')
const DECEIVING = new RegExp(`[${HIDDEN_CLASS}${BLANK_CLASS}${LOOKALIKE_CLASS}]`, 'gu')
/* oxlint-enable no-control-regex, no-misleading-character-class */
const SCRIPTS: readonly (readonly [string, RegExp])[] = [
  ['Cyrillic', /\p{Script=Cyrillic}/u],
  ['Greek', /\p{Script=Greek}/u],
  ['Armenian', /\p{Script=Armenian}/u],
  ['Cherokee', /\p{Script=Cherokee}/u],
  ['Coptic', /\p{Script=Coptic}/u],
  ['Lisu', /\p{Script=Lisu}/u],
  ['Deseret', /\p{Script=Deseret}/u],
]
