import { endOfComment, SQL_LITERAL } from '../../../shared/sql-statements.ts'
import type { LiteralPlace } from '../../../sql/facts/parsed-statement.ts'

/** Constants and comments of a text, in order. Spec: PostgreSQL manual, 4.1 Lexical Structure. */
export function literalsAndComments(sql: string): Piece[] {
  const pieces: Piece[] = []
  const next = new RegExp(SQL_LITERAL)
  for (let match = next.exec(sql); match !== null; match = next.exec(sql)) {
    const { 0: start, index, groups } = match
    if (groups?.['name'] !== undefined) continue
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
