import { REFERENCE, referenced } from './character-references.ts'
import { windows1252 } from './windows-1252.ts'

/**
 * How a backslash is read. `any`: as in JSON and SQL (`\\u0040`, `\\x40`), U&'' (`\\0040`, `\\+000040`), and before punctuation (`\\@`), whatever the
 * text is. `string`: as in strings of JavaScript, YAML and C, with octal digits (`\\100`), where a character that means nothing stands for itself. `css`:
 * up to six hexadecimal digits and a blank (`\\40 `; CSS Syntax, section 4.3.7).
 */
export type Backslashes = 'any' | 'string' | 'css'

/** What a backslash is followed by. In `any`, only the first of several begins an escape: to try each would take their number squared. */
const BACKSLASH: Readonly<Record<Backslashes, string>> = {
  any: String.raw`(?<!\\)\\+(?:u\{[0-9a-fA-F]{2,6}\}|U[0-9a-fA-F]{8}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\+[0-9a-fA-F]{6}|[0-9a-fA-F]{4}|[!-/:-@[\]-${'`'}{-~])`,
  string: String.raw`\\(?:u\{0{0,10}[0-9a-fA-F]{1,6}\}|U[0-9a-fA-F]{8}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[0-3][0-7]{0,2}|[4-7][0-7]?|\r\n|[^])`,
  css: String.raw`\\(?:[0-9a-fA-F]{1,6}(?:\r\n|[ \t\n\r\f])?|\r\n|[^])`,
}
/** `%40`; and a character of several bytes of UTF-8, whose signs may be escaped again (`%25C2%25A0`), or one byte that is none. */
const SIGN = '%(?:25){0,3}'
const NEXT = `${SIGN}[89abAB][0-9a-fA-F]`
const PERCENT = `${SIGN}[cCdD][0-9a-fA-F]${NEXT}|${SIGN}[eE][0-9a-fA-F](?:${NEXT}){2}|${SIGN}[fF][0-4](?:${NEXT}){3}|%[0-9a-fA-F]{2}`

const escapesOf = (backslashes: Backslashes): string => `${BACKSLASH[backslashes]}|${REFERENCE}|${PERCENT}`
/** Ways to write a character that texts carry whatever their type is: with backslashes, as in XML and HTML (`&#64;`, `&commat;`), in URLs (`%40`). */
const ESCAPE = new RegExp(escapesOf('any'), 'g')
const FIRST: Readonly<Record<Backslashes, RegExp>> = {
  any: new RegExp(`^(?:${escapesOf('any')})`),
  string: new RegExp(`^(?:${escapesOf('string')})`),
  css: new RegExp(`^(?:${escapesOf('css')})`),
}

/** Whether there may be any; tells at once for most texts. */
export const hasEscapes = (text: string): boolean =>
  (text.includes('&') || text.includes('%') || text.includes('\\')) && text.search(ESCAPE) >= 0

/** The text with what they stand for. */
export const withoutEscapes = (text: string): string =>
  text.replace(ESCAPE, (escape) => meantBy(escape, 'any') ?? escape)

/** An escape and what it stands for. */
export interface Escape {
  /** Nothing, one character, or the several that a reference names. */
  readonly text: string
  /** UTF-16 units of the escape. */
  readonly length: number
}

/**
 * The escape that a text begins with; undefined where it begins with none. One that stands for the beginning of another (`&amp;#64;`, `%2540`,
 * `\\u0026#64;`) is read as both, and so are the two halves of a pair of UTF-16.
 */
export function escapeAt(text: string, backslashes: Backslashes = 'any'): Escape | undefined {
  let escape = outermostAt(text, backslashes)
  for (let round = 0; escape !== undefined && round < MAX_NESTED; round++) {
    if (escape.text === '') break
    const behind = text.slice(escape.length)
    const half = HIGH_HALF.test(escape.text) ? outermostAt(behind, backslashes) : undefined
    if (half !== undefined) return { text: escape.text + half.text, length: escape.length + half.length }
    const inner = outermostAt(escape.text + behind, backslashes)
    if (inner === undefined) break
    escape = { text: inner.text, length: escape.length + inner.length - escape.text.length }
  }
  return escape
}

function outermostAt(text: string, backslashes: Backslashes): Escape | undefined {
  const [escape] = FIRST[backslashes].exec(text) ?? []
  if (escape === undefined) return undefined
  const meant = meantBy(escape, backslashes)
  return meant === undefined ? undefined : { text: meant, length: escape.length }
}

/** Undefined where it stands for nothing. */
function meantBy(escape: string, backslashes: Backslashes): string | undefined {
  if (escape.startsWith('&')) return referenced(escape)
  if (escape.startsWith('%')) return percentDecoded(escape)
  const behind = escape.replace(backslashes === 'any' ? /^\\+/ : /^\\/, '')
  return backslashes === 'css' ? inCss(behind) : inString(behind, backslashes)
}

function percentDecoded(escape: string): string {
  if (escape.length === 3) return String.fromCharCode(windows1252(parseInt(escape.slice(1), 16)))
  return Buffer.from(escape.replaceAll(/%(?:25)*/g, ''), 'hex').toString('utf8')
}

function inCss(behind: string): string | undefined {
  if (/^[\r\n\f]/.test(behind)) return ''
  return /^[0-9a-fA-F]/.test(behind) ? characterOf(behind.trimEnd(), 16) : behind
}

function inString(behind: string, backslashes: Backslashes): string | undefined {
  if (/^(?:[xuU+]|[0-9a-fA-F]{4})/.test(behind) && behind.length > 1)
    return characterOf(behind.replaceAll(/[^0-9a-fA-F]/g, ''), 16)
  if (backslashes === 'any') return behind
  if (/^[0-7]/.test(behind)) return characterOf(behind, 8)
  // The end of a line, and what stands for a blank in YAML (section 5.7).
  if (/^[\r\n\u2028\u2029]/.test(behind)) return ''
  return behind === '_' ? ' ' : (CONTROLS[behind] ?? behind)
}

function characterOf(digits: string, base: 8 | 16): string | undefined {
  const code = parseInt(digits, base)
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined
}

const CONTROLS: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }
const HIGH_HALF = /^[\ud800-\udbff]$/
const MAX_NESTED = 3
/** What a text that was escaped for several readers in turn has at most in place of one character. */
export const MAX_ESCAPE = 64
