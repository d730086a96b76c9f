import type { ServerVersion } from '../wire/server-version.ts'
import { EXCLAMATION, PLUS } from './characters.ts'
import { NotRead } from './not-read.ts'

/** The end of a comment that begins with `#` or `--`: the next newline, and no other character. */
export function endOfLine(text: string, start: number): number {
  const found = text.indexOf('\n', start)
  const end = found === -1 ? text.length : found
  if (text.slice(start, end).includes('\0')) throw new NotRead('a NUL in a comment')
  return end
}

/** How a server treats a comment between `/*` and its end. */
export interface BlockComment {
  /** The offset after the comment; if its content is executed, the offset of that content. */
  readonly end: number
  readonly isExecuted: boolean
}

/**
 * The comment that begins with `/*` at `start`. Source: MySQL manual, Comments (executable comments with versions); MariaDB, Comment
 * Syntax.
 */
export function commentAt(text: string, start: number, server: ServerVersion): BlockComment {
  const isMariadb = server.flavor === 'mariadb'
  const isOwn = text.startsWith('M!', start + 2)
  if (text.charCodeAt(start + 2) === EXCLAMATION || (isMariadb && isOwn)) {
    const from = start + (isOwn ? 4 : 3)
    const digits = /^\d{5,}/.exec(text.slice(from, from + 7))?.[0] ?? ''
    if (digits === '') return { end: from, isExecuted: true }
    const length = versionLength(digits, isMariadb)
    return executes(Number(digits.slice(0, length)), isOwn, server)
      ? { end: from + length, isExecuted: true }
      : { end: endOfComment(text, from, true), isExecuted: false }
  }
  if (text.charCodeAt(start + 2) === PLUS) checkHint(text, start, server)
  return { end: endOfComment(text, start + 2, false), isExecuted: false }
}

/** Five digits, or six: how a MySQL server reads a sixth depends on its version. */
function versionLength(digits: string, isMariadb: boolean): number {
  if (digits.length === 5) return 5
  if (!isMariadb) throw new NotRead('an executable comment whose version has more than five digits')
  return 6
}

/** Whether a server executes a comment for a version; MariaDB ignores those for MySQL 5.7 and later. */
function executes(version: number, isOwn: boolean, server: ServerVersion): boolean {
  if (version > server.number) return false
  return server.flavor !== 'mariadb' || isOwn || version < 50_700 || version > 99_999
}

/** A comment that is ignored because of its version may contain one nested comment. */
function endOfComment(text: string, from: number, nests: boolean): number {
  let at = from
  let isInner = false
  for (;;) {
    const end = text.indexOf('*/', at)
    if (end === -1) throw new NotRead('an unterminated comment')
    const inner = nests && !isInner ? text.indexOf('/*', at) : -1
    if (inner !== -1 && inner < end) {
      isInner = true
      at = inner + 2
      continue
    }
    at = end + 2
    if (!isInner) return at
    isInner = false
  }
}

/**
 * The time limits that optimizer hints set for a statement, as settings; with no value where it is not plain. Where in the text they stand does not
 * matter: what stands in a constant is counted, too. Source: MySQL manual, Statement Execution Time Optimizer Hints; MariaDB, Optimizer Hints.
 */
export function hintedLimits(text: string, server: ServerVersion): { name: string; value: string | undefined }[] {
  if (!readsHints(server) || !text.includes('/*+')) return []
  return [...text.matchAll(/MAX_EXECUTION_TIME\s*(?:\(\s*(\d{1,10})\s*\))?/gi)].map(([, milliseconds]) =>
    // In MariaDB it goes before max_statement_time, which is in seconds.
    server.flavor === 'mariadb'
      ? { name: 'max_statement_time', value: undefined }
      : { name: 'max_execution_time', value: milliseconds },
  )
}

const readsHints = ({ flavor, number }: ServerVersion): boolean => flavor !== 'mariadb' || number >= 120_000

/** Optimizer hints have a grammar of their own, with quotes that may hide the end; SET_VAR changes settings. */
function checkHint(text: string, start: number, server: ServerVersion): void {
  if (!readsHints(server)) return
  const end = text.indexOf('*/', start)
  const hint = text.slice(start, end === -1 ? undefined : end)
  if (/["'`]|SET_VAR|RESOURCE_GROUP/i.test(hint)) throw new NotRead('an optimizer hint with quotes or settings')
}
