/**
 * Ways to write a character that texts carry whatever their type is: JSON and SQL (`\\u0040`, `\\x40`), U&'' (`\\0040`, `\\+000040`), XML and HTML
 * (`&#64;`, `&#x40;`, `&commat;`), URLs (`%40`). Of backslashes in a row, only the first can begin one: to try each would take their number squared.
 */
const ESCAPE =
  /(?<!\\)\\+(?:u\{([0-9a-fA-F]{2,6})\}|U([0-9a-fA-F]{8})|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|\+?((?<=\+)[0-9a-fA-F]{6}|(?<=\\)[0-9a-fA-F]{4}))|&#[xX]0*([0-9a-fA-F]{1,6});?|&#0*(\d{1,7});?|&(commat|period|plus|hyphen|dash|lowbar|UnderBar|nbsp|colon|num|lpar|rpar|sol|percnt|equals|amp|apos|excl|quest|dollar|ast|midast|Hat|grave|lbrace|lcub|rbrace|rcub|verbar|vert|bsol|comma|semi|Tab|NewLine);|%([0-7][0-9a-fA-F])/g

/** Whether there may be any; tells at once for most texts. */
export const hasEscapes = (text: string): boolean =>
  (text.includes('&') || text.includes('%') || text.includes('\\')) && text.search(ESCAPE) >= 0

/** The text with what they stand for. */
export const withoutEscapes = (text: string): string => text.replace(ESCAPE, characterOf)

/** An escape and what it stands for. */
export interface Escape {
  readonly character: string
  /** UTF-16 units of the escape. */
  readonly length: number
}

/**
 * The escape that a text begins with; undefined where it begins with none. One that stands for the beginning of another (`&amp;#64;`, `%2540`,
 * `\\u0026#64;`) is read as both.
 */
export function escapeAt(text: string): Escape | undefined {
  let escape = outermostAt(text)
  for (let round = 0; escape !== undefined && round < MAX_NESTED; round++) {
    const inner = outermostAt(escape.character + text.slice(escape.length))
    if (inner === undefined) break
    escape = { character: inner.character, length: escape.length + inner.length - escape.character.length }
  }
  return escape
}

function outermostAt(text: string): Escape | undefined {
  const found = FIRST.exec(text)
  if (found === null) return undefined
  const [escape, ...groups] = found
  const character = characterOf(escape, ...groups)
  return character === escape ? undefined : { character, length: escape.length }
}

function characterOf(escape: string, ...groups: unknown[]): string {
  const [braced, long, four, byte, bare, hex, decimal, named, percent] = groups as (string | undefined)[]
  if (named !== undefined) return NAMED[named] ?? escape
  const code =
    decimal === undefined
      ? parseInt(braced ?? long ?? four ?? byte ?? bare ?? hex ?? percent ?? '', 16)
      : Number(decimal)
  return code <= 0x10ffff ? String.fromCodePoint(code) : escape
}

const FIRST = new RegExp(`^(?:${ESCAPE.source})`)
const MAX_NESTED = 3
/** What a text that was escaped for several readers in turn has at most in place of one character. */
export const MAX_ESCAPE = 64

const NAMED: Readonly<Record<string, string>> = {
  commat: '@',
  period: '.',
  plus: '+',
  hyphen: '-',
  dash: '-',
  lowbar: '_',
  UnderBar: '_',
  nbsp: ' ',
  colon: ':',
  num: '#',
  lpar: '(',
  rpar: ')',
  sol: '/',
  percnt: '%',
  equals: '=',
  amp: '&',
  apos: "'",
  excl: '!',
  quest: '?',
  dollar: '$',
  ast: '*',
  midast: '*',
  Hat: '^',
  grave: '`',
  lbrace: '{',
  lcub: '{',
  rbrace: '}',
  rcub: '}',
  verbar: '|',
  vert: '|',
  bsol: '\\',
  comma: ',',
  semi: ';',
  Tab: '\t',
  NewLine: '\n',
}
