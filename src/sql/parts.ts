import type { Expression, FromItem, Name, Query, Sort, Statement, TypeName, Window } from './query.ts'

/** The direct parts of an expression: every field of every kind, so that a walk misses nothing. */
export interface Parts {
  readonly expressions: readonly Expression[]
  readonly statements: readonly Statement[]
  readonly operators: readonly Name[]
  readonly functions: readonly Name[]
  readonly types: readonly TypeName[]
}

const NONE: readonly never[] = []
const EMPTY: Parts = { expressions: NONE, statements: NONE, operators: NONE, functions: NONE, types: NONE }
const of = (expressions: readonly Expression[], more: Partial<Parts> = {}): Parts => ({
  ...EMPTY,
  expressions,
  ...more,
})

export function partsOf(node: Expression): Parts {
  switch (node.kind) {
    case 'column':
    case 'constant':
    case 'parameter':
    case 'system-value':
    case 'variable':
    case 'current-of':
    case 'default':
    case 'opaque':
      return EMPTY
    case 'call':
      return of([...node.args, ...shapeOf(node)], { functions: [node.name], operators: sortOperators(node) })
    case 'built':
      return of([...node.args, ...shapeOf(node)], { operators: sortOperators(node), types: node.types })
    case 'operation':
      return of(node.args, { operators: node.operators })
    case 'case': {
      const branches = node.branches.flatMap(({ when, gives }) => [when, gives])
      return of([...optional(node.operand), ...branches, ...optional(node.otherwise)], { operators: node.operators })
    }
    case 'subquery':
      return of(optional(node.tested), { statements: [node.query], operators: node.operators })
    case 'assign':
      return of([node.value])
    case 'cast':
      return of([node.arg], { types: [node.to] })
    case 'test':
    case 'collate':
      return of([node.arg])
    case 'field':
      return of([node.of, ...node.steps.flatMap((step) => (typeof step === 'string' ? [] : step))])
    case 'logic':
    case 'coalesce':
    case 'extreme':
    case 'row':
    case 'array':
    case 'grouping-set':
      return of(node.args)
  }
}

interface Shaped {
  readonly filter: Expression | undefined
  readonly order: readonly Sort[]
  readonly window: Window | undefined
}

/** The parts that decide which rows an aggregate sees, and in which order. */
const shapeOf = ({ filter, order, window }: Shaped): readonly Expression[] => [
  ...optional(filter),
  ...order.map(({ by }) => by),
  ...(window === undefined ? [] : windowParts(window)),
]

export const windowParts = ({ partition, order, frame }: Window): readonly Expression[] => [
  ...partition,
  ...order.map(({ by }) => by),
  ...frame,
]

const sortOperators = ({ order, window }: Shaped): readonly Name[] =>
  usingOperators([...order, ...(window?.order ?? [])])

export const usingOperators = (order: readonly Sort[]): readonly Name[] =>
  order.flatMap(({ operator }) => operator ?? [])

const optional = (node: Expression | undefined): readonly Expression[] => (node === undefined ? NONE : [node])

/** The direct parts of a statement and of its FROM. */
export interface StatementParts {
  readonly expressions: readonly Expression[]
  readonly statements: readonly Statement[]
  readonly from: readonly FromItem[]
}

/** Not in the order of evaluation, and without names: for questions about any part. */
export function statementParts(node: Statement): StatementParts {
  const ctes = ('with' in node ? (node.with?.ctes ?? []) : []).map(({ query }) => query)
  const parts = (
    expressions: readonly (Expression | undefined)[],
    from: readonly FromItem[] = [],
    statements: readonly Statement[] = [],
  ): StatementParts => ({
    expressions: expressions.filter((part) => part !== undefined),
    from,
    statements: [...ctes, ...statements],
  })
  const returned = 'returning' in node ? (node.returning?.targets ?? []).map(({ value }) => value) : []
  switch (node.kind) {
    case 'select':
      return parts(
        [
          ...node.targets.map(({ value }) => value),
          node.where,
          ...node.group,
          node.having,
          ...node.windows.flatMap(windowParts),
          ...(node.distinct ?? []),
          ...tail(node),
        ],
        node.from,
      )
    case 'set-operation':
      return parts(tail(node), [], [node.left, node.right])
    case 'values':
      // In long lists all rows are the same object.
      return parts([...node.rows.filter((row, index) => row !== node.rows[index - 1]).flat(), ...tail(node)])
    case 'insert':
      return parts(
        [
          ...node.subscripts,
          ...(node.conflict?.expressions ?? []),
          node.conflict?.predicate,
          ...(node.conflict?.set ?? []).flatMap(({ subscripts, value }) => [...subscripts, value]),
          node.conflict?.where,
          ...returned,
        ],
        [],
        node.source === undefined ? [] : [node.source],
      )
    case 'update':
      return parts(
        [...node.set.flatMap(({ subscripts, value }) => [...subscripts, value]), node.where, ...returned],
        node.from,
      )
    case 'delete':
      return parts([node.where, ...returned], node.from)
    case 'change':
      return parts(
        [
          ...node.set.flatMap(({ subscripts, value }) => [...subscripts, value]),
          node.where,
          ...node.order.map(({ by }) => by),
          ...node.limit,
          ...returned,
        ],
        node.from,
      )
    case 'merge':
      return parts(
        [
          node.on,
          ...node.clauses.flatMap(({ condition, subscripts, values, set }) => [
            condition,
            ...subscripts,
            ...values,
            ...set.flatMap((one) => [...one.subscripts, one.value]),
          ]),
          ...returned,
        ],
        [node.source],
      )
    case 'utility':
      return parts(node.expressions, [], node.statements)
  }
}

const tail = ({ order, limit, offset }: Query): readonly Expression[] => [
  ...order.map(({ by }) => by),
  ...limit,
  ...offset,
]

export function fromParts(item: FromItem): StatementParts {
  switch (item.kind) {
    case 'table':
      return { expressions: item.sample, statements: NONE, from: NONE }
    case 'derived':
      return { expressions: NONE, statements: [item.query], from: NONE }
    case 'function-table':
      return { expressions: item.calls, statements: NONE, from: NONE }
    case 'value-table':
      return { expressions: item.args, statements: NONE, from: NONE }
    case 'join':
      return { expressions: optional(item.on), statements: NONE, from: [item.left, item.right] }
    case 'opaque':
      return { expressions: [item], statements: NONE, from: NONE }
  }
}
