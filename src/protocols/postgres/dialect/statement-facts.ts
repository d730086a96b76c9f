import { PamError } from '../../../shared/errors.ts'
import type { SqlStatement } from '../../../sql/statement.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { TextFacts } from '../../../sql/facts/text-facts.ts'
import type { ChangedBy } from '../catalog/change-log.ts'
import type { SyntaxProblem } from './syntax-problem.ts'

/** Everything that a session needs to know about one text. */
export interface StatementFacts extends TextFacts {
  /** Why it is refused, whatever the rules say. */
  readonly refusal: PamError | undefined
  /** Set if it does not parse: the server's message, and a reason without its content. */
  readonly syntaxError?: SyntaxProblem & { readonly failure: string }
  /** A missing relation, and what the statement would do if it existed: the server would only report it. */
  readonly missing?: { readonly relation: string; readonly statement: SqlStatement }
  /**
   * The relation that does not exist because of which a statement is refused for masks, in words; the index of the statement; and what it
   * would do if the relation existed.
   */
  readonly refusedFor?: { readonly reason: string; readonly at: number; readonly statement: SqlStatement } | undefined
  /**
   * What may have changed since the definitions were read with which it was resolved; no decision rests on them. Effects beyond its text
   * are not known.
   */
  readonly lastRead?: ChangedBy
  /** Those of the reasons for an unknown effect that are functions and operators which it calls. */
  readonly calls?: ReadonlySet<string>
  /** Prepared statements that it runs, as their texts say them. */
  readonly executed?: readonly ParsedStatement[]
  /** Whether running it may change what names refer to, by itself or through a prepared statement that it runs. */
  readonly movesNames?: true
  /** The types that the client declared for parameters, if the target was asked for its own analysis with them. */
  readonly declared?: readonly number[]
}
