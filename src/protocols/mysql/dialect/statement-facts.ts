import { PamError } from '../../../shared/errors.ts'
import type { SqlStatement } from '../../../sql/statement.ts'
import type { SessionMemory } from './session-memory.ts'
import type { TextFacts } from '../../../sql/facts/text-facts.ts'

/** Everything that the session needs to know about one text. */
export interface StatementFacts extends TextFacts {
  /** Why it is refused whatever the rules say. */
  readonly refusal: PamError | undefined
  /** Why it could not be parsed, without its content. */
  readonly syntaxError?: string
  /** A table that does not exist, and what the statement would do if it did: the server would only report that. */
  readonly missing?: { readonly relation: string; readonly statement: SqlStatement } | undefined
  /** What the refusal rests on, where the statement of this index names a table that does not exist; and what it would do if it did. */
  readonly refusedFor?: { readonly reason: string; readonly at: number; readonly statement: SqlStatement } | undefined
  /** Whether the default database, or what determines how text is read, may have changed after it has run: both are read again. */
  readonly movesReading: boolean
  /** The default database with which names were resolved: a prepared statement keeps it. */
  readonly database: string | undefined
  /**
   * Parameters that a masked text is compared with. Bound as another type than text they would be compared as numbers, which match more
   * than one text: then it is not the statement that was decided on.
   */
  readonly textParameters: readonly number[]
  /**
   * The state that the session has left in the server once it is sent, whatever its result, and once it has succeeded. Undefined: it
   * neither depends on that state nor changes it.
   */
  readonly memory: { readonly sent: SessionMemory; readonly done: SessionMemory } | undefined
  /** Texts that were prepared or assigned before, and that it runs. */
  readonly texts: readonly string[]
}
