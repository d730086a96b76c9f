import type { Typed } from '../dialect.ts'
import type { Expression, Window } from '../query.ts'
import type { LineageFindings, QueryReader } from './report.ts'
import type { Ctes, QueryScope } from './scope.ts'
import type { Origin } from './origin.ts'

/** What reading an expression needs to know about its query. */
export interface ExpressionContext {
  readonly found: LineageFindings
  readonly scope: QueryScope
  readonly ctes: Ctes | undefined
  readonly query: QueryReader
  /** The WINDOW clause of the query. */
  readonly windows: readonly Window[]
  /** Origins of expressions that have been read here. */
  readonly origins: WeakMap<Expression, Origin>
  readonly types: WeakMap<Expression, Typed>
  /** Clients declare the types of parameters. Here, a wrong type reveals nothing. */
  readonly trustsParameters?: true
  /** Whether this is a second reading; it starts no further ones, which would double at each level of an expression. */
  readonly isSecond: boolean
}
