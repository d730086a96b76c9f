import { PamError } from '../../../shared/errors.ts'
import type { SqlStatement } from '../../../sql/statement.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { TextFacts } from '../../../sql/facts/text-facts.ts'
import type { ChangedBy } from '../catalog/change-log.ts'
import type { SyntaxProblem } from './syntax-problem.ts'

/** All that the session needs to know about one text. */
export interface StatementFacts extends TextFacts {
  /** Why it is refused whatever the rules say. */
  readonly refusal: PamError | undefined
  /** It does not parse: what the server says of it, and why in words without its content. */
  readonly syntaxError?: SyntaxProblem & { readonly failure: string }
  /** A relation that is not there, and what the statement would do if it were: the server would do nothing but say so. */
  readonly missing?: { readonly relation: string; readonly statement: SqlStatement }
  /**
   * It was resolved with definitions that may have changed since, by this, because no decision rests on them: what it does besides what its text
   * says is not known.
   */
  readonly lastRead?: ChangedBy
  /** Prepared statements that it runs, as their texts say them. */
  readonly executed?: readonly ParsedStatement[]
  /** What names stand for may have changed once it has run, by what it says or by a prepared statement that it runs. */
  readonly movesNames?: true
  /** Types that the client declared for parameters, where the target's own reading was asked with them. */
  readonly declared?: readonly number[]
}
