import { PamError } from '../../../shared/errors.ts'
import type { SqlStatement } from '../../../sql/statement.ts'
import type { UserVariables } from './user-variables.ts'
import type { TextFacts } from '../../../sql/facts/text-facts.ts'

/** All that the session needs to know about one text. */
export interface StatementFacts extends TextFacts {
  /** Why it is refused whatever the rules say. */
  readonly refusal: PamError | undefined
  /** It does not parse: why, in words without its content. */
  readonly syntaxError?: string
  /** A table that is not there, and what the statement would do if it were: the server would do nothing but say so. */
  readonly missing?: { readonly relation: string; readonly statement: SqlStatement } | undefined
  /** The default database, or what decides how text is read, may have changed once it has run: both are read back. */
  readonly movesReading: boolean
  /** The default database by which names were resolved: what is prepared keeps it. */
  readonly database: string | undefined
  /**
   * Parameters that a masked text is compared with. Bound as anything but a text they would be compared as numbers, which asks for more than
   * one value: then it is not the statement that was decided on.
   */
  readonly textParameters: readonly number[]
  /**
   * What the session's variables hold once it is sent, whatever becomes of it, and once it has succeeded. Undefined: it neither reads nor
   * assigns any.
   */
  readonly variables: { readonly sent: UserVariables; readonly done: UserVariables } | undefined
}
