import type { Typed } from '../dialect.ts'
import type { Expression, Window } from '../query.ts'
import type { LineageFindings, QueryReader } from './report.ts'
import type { Ctes, QueryScope } from './scope.ts'
import type { Origin } from './origin.ts'

/** What reading an expression needs to know of the query that it stands in. */
export interface ExpressionContext {
  readonly found: LineageFindings
  readonly scope: QueryScope
  readonly ctes: Ctes | undefined
  readonly query: QueryReader
  /** The WINDOW clause of the query. */
  readonly windows: readonly Window[]
  /** Of what has been read here. */
  readonly origins: WeakMap<Expression, Origin>
  readonly types: WeakMap<Expression, Typed>
  /** What a client gives may be of any type that it says: here it cannot tell anything by that. */
  readonly trustsParameters?: true
  /** Whether what is read now has been read before: else each level of an expression would read all below it twice over. */
  readonly isSecond: boolean
}
