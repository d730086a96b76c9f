import type { ErrorCode } from '../shared/error-codes.ts'
import { PamError, type ErrorBody } from '../shared/errors.ts'

/** One connection, for one text after the other. */
export interface QueryConnection {
  /** Resolves when all is answered; rejects with a StatementError, or with what ended the connection. */
  run(text: QueryText, hear: (part: QueryPart) => void): Promise<void>
  /** Closes it at once: what still runs is cancelled by the gateway. */
  close(): void
}

export interface QueryText {
  readonly sql: string
  /** As texts, which the server reads as the types that the statement wants; null is NULL. */
  readonly parameters: readonly (string | null)[]
  /** Rows of one result that are handed over; at least 1. */
  readonly maxRows: number
}

/** What the value of a column is in JSON; the texts of a `json` column are JSON themselves. */
export type JsonKind = 'string' | 'number' | 'boolean' | 'json'

export interface QueryColumn {
  readonly name: string
  /** The server's own word for its type. */
  readonly type: string
  readonly json: JsonKind
}

/** An answer, in the order of the server. */
export type QueryPart =
  | { readonly type: 'columns'; readonly columns: readonly QueryColumn[] }
  | { readonly type: 'row'; readonly values: readonly (string | null)[] }
  | { readonly type: 'end'; readonly end: ResultEnd }
  | { readonly type: 'notice'; readonly message: string; readonly hint?: string | undefined }

/** The end of one result. */
export interface ResultEnd {
  /** The word that the server has for what was done, such as `INSERT`; none where it has none. */
  readonly command?: string | undefined
  /** Rows that were written; none where the statement writes none. */
  readonly affected?: number | undefined
  /** There are more rows than were wanted. */
  readonly hasMore: boolean
}

/** What a server says of a statement, or the gateway in its place. */
export class StatementError extends PamError {
  /** Five characters. */
  readonly sqlstate: string
  /** The whole text was refused, if nothing of it was answered before. */
  readonly ranNothing: boolean

  constructor({
    code,
    message,
    hint,
    id,
    sqlstate,
    ranNothing = false,
  }: ErrorBody & { readonly sqlstate: string; readonly ranNothing?: boolean }) {
    super(code, message, {
      side: code === 'STATEMENT_FAILED' ? 'upstream' : 'gateway',
      ...(hint === undefined ? {} : { hint }),
      ...(id === undefined ? {} : { id }),
    })
    this.sqlstate = sqlstate
    this.ranNothing = ranNothing
  }
}

/** What native errors of the gateway begin with. */
const PREFIX = 'pam: '

/**
 * An error as a client reads it. `codeOf`: which of our codes it is, where the words are the gateway's. A target can write the
 * same words: nothing but the exit code and the wording follows from them.
 */
export function statementError(
  {
    message,
    hint,
    sqlstate,
    ranNothing,
  }: {
    readonly message: string
    readonly hint?: string | undefined
    readonly sqlstate: string
    readonly ranNothing?: boolean
  },
  codeOf: () => ErrorCode | undefined,
): StatementError {
  const isOurs = message.startsWith(PREFIX)
  const code = isOurs ? (codeOf() ?? 'COMMAND_REFUSED') : 'STATEMENT_FAILED'
  const text = isOurs ? message.slice(PREFIX.length) : message
  const id = /\b(?:apr|dec|req|err)_[0-9a-hjkmnp-tv-z]{13}\b/.exec(`${hint ?? ''} ${text}`)?.[0]
  return new StatementError({
    code,
    message: text,
    sqlstate,
    ...(hint === undefined ? {} : { hint }),
    ...(id === undefined ? {} : { id }),
    ...(ranNothing === undefined ? {} : { ranNothing }),
  })
}
