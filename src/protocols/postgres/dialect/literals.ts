import type { LiteralPlace } from '../../../sql/facts/parsed-statement.ts'

/** Constants and comments of a text, in order. Spec: PostgreSQL manual, 4.1 Lexical Structure. */
export function literalsAndComments(sql: string): Piece[] {
  const pieces: Piece[] = []
  const next = new RegExp(LITERAL)
  for (let match = next.exec(sql); match !== null; match = next.exec(sql)) {
    const { 0: start, index } = match
    if (start === '/*') next.lastIndex = endOfComment(sql, next.lastIndex)
    if (!start.startsWith('"')) pieces.push({ 0: sql.slice(index, next.lastIndex), index })
  }
  return pieces
}

/** A constant or a comment, and its offset. */
export interface Piece {
  readonly 0: string
  readonly index: number
}

/** Comments nest; an unterminated one extends to the end of the text. */
function endOfComment(sql: string, from: number): number {
  const sign = /\/\*|\*\//g
  sign.lastIndex = from
  let depth = 1
  while (depth > 0) {
    const match = sign.exec(sql)
    if (match === null) return sql.length
    depth += match[0] === '/*' ? 1 : -1
  }
  return sign.lastIndex
}

export const isComment = (literal: string): boolean => literal.startsWith('--') || literal.startsWith('/*')

export function placesIn(sql: string): LiteralPlace[] {
  const places: LiteralPlace[] = []
  let characters = 0
  let bytes = 0
  for (const { 0: literal, index } of literalsAndComments(sql)) {
    if (isComment(literal)) continue
    bytes += Buffer.byteLength(sql.slice(characters, index))
    characters = index
    // White space is ASCII: as many bytes as characters.
    const sign = /^[.\d]/.test(literal) ? SIGN.exec(sql.slice(Math.max(0, index - MAX_SIGN_LENGTH), index)) : null
    places.push({ at: bytes, signAt: sign === null ? undefined : bytes - sign[0].length })
  }
  return places
}

const SIGN = /-[ \t\n\r\f\v]*$/
const MAX_SIGN_LENGTH = 20

// Quoted identifiers are matched as well, so that a quote inside one is not taken for the start of a constant.
// An unterminated constant extends to the end of the text. A digit within a name or a parameter ($1) does not begin a number.
// A constant that continues after a line break keeps the escapes that it began with.
const LITERAL =
  /"(?:[^"]|"")*(?:"|$)|(?<![\w$\u0080-\uffff])[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)(?:[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:[ \t\f\v\n\r]|--[^\n\r]*[\n\r])*'(?:[^'\\]|\\[\s\S]|'')*(?:'|$))*|'(?:[^']|'')*(?:'|$)|\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[\s\S]*?(?:\$\1\$|$)|--[^\n\r]*|\/\*|(?<![\w$\u0080-\uffff])\.?\d[\w.]*/g
