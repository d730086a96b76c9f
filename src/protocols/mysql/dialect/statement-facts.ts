import { PamError } from '../../../shared/errors.ts'
import type { SqlStatement } from '../../../sql/statement.ts'
import type { SessionMemory } from './session-memory.ts'
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
   * What the session has left in the server once it is sent, whatever becomes of it, and once it has succeeded. Undefined: it depends on
   * nothing that was left, and leaves nothing.
   */
  readonly memory: { readonly sent: SessionMemory; readonly done: SessionMemory } | undefined
  /** Texts that were prepared or assigned before, and are run by it. */
  readonly texts: readonly string[]
}
