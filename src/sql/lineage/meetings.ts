import { item } from '../../shared/item.ts'
import type { Meetings, Typed } from '../dialect.ts'
import type { Call, Case, Expression, Operation, Subquery } from '../query.ts'
import type { ExpressionContext } from './expression-context.ts'
import type { Output } from './origin.ts'
import { columnType } from './scope.ts'

/** For people: what tells a masked value. */
export const MAY_FAIL = 'a comparison or conversion that can fail'

/** What an expression is, as far as that is certain; with what has been read of it before. */
export function typedOf(node: Expression, context: ExpressionContext): Typed {
  const { dialect } = context.found
  const { meetings, types, totals, names } = dialect
  if (node.kind === 'constant' || node.kind === 'parameter') return { type: undefined, given: node }
  if (meetings === undefined) return { type: node.kind === 'column' ? columnType(context.scope, node.path) : undefined }
  const before = context.types.get(node)
  if (before !== undefined) return before
  const typed = (parts: readonly Expression[]): Typed[] => parts.map((part) => typedOf(part, context))
  const typeOf = (): string | undefined => {
    switch (node.kind) {
      case 'column':
        return columnType(context.scope, node.path) ?? context.origins.get(node)?.type
      case 'cast': {
        const [arg] = typed([node.arg])
        if (node.to.array || !names.isSystem(node.to)) return undefined
        // A text keeps its collation.
        if (!totals.isTextType(node.to)) return node.to.name
        return isKnown(arg) ? types.text : undefined
      }
      case 'call': {
        if (totals.keepsValue(node)) return typed(node.args.slice(0, 1))[0]?.type
        const gives = totals.typeGiven(node)
        return gives !== types.text || typed(node.args).every(isKnown) ? gives : undefined
      }
      case 'operation': {
        if (node.form === 'nullif') return meetings.commonType(typed(node.args))
        const [operator] = node.operators
        const isPlain = node.form === 'plain' && operator !== undefined
        return isPlain ? meetings.operatorGives(operator.name, typed(node.args)) : types.boolean
      }
      case 'coalesce':
      case 'extreme':
        return meetings.commonType(typed(node.args))
      case 'case':
        return meetings.commonType(typed(givenBy(node)))
      case 'logic':
      case 'test':
        return types.boolean
      case 'row':
        return types.row
      case 'field':
      case 'subquery':
        return context.origins.get(node)?.type
      case 'system-value':
      case 'variable':
      case 'assign':
      case 'collate':
      case 'array':
      case 'built':
      case 'grouping-set':
      case 'current-of':
      case 'default':
      case 'opaque':
        return undefined
    }
  }
  const found = { type: typeOf() }
  context.types.set(node, found)
  return found
}

/** The same of a column of a result, for whatever reads it. */
export const outputTyped = (value: Expression, context: ExpressionContext): Typed | undefined =>
  context.found.dialect.meetings === undefined ? undefined : typedOf(value, context)

export const asTyped = ({ type, given }: Output): Typed => ({ type, ...(given === undefined ? {} : { given }) })

const isKnown = (value: Typed | undefined): boolean =>
  value !== undefined && (value.type !== undefined || value.given !== undefined)

const givenBy = ({ branches, otherwise }: Case): Expression[] => [
  ...branches.map(({ gives }) => gives),
  ...(otherwise === undefined ? [] : [otherwise]),
]

/** Values that meet in one place. */
interface Meeting {
  readonly how: 'joins' | 'compares'
  readonly values: readonly Expression[]
}

/** Whether something in this node itself may fail for what some of its parts are: those that are asked about. */
export function mayNotMeet(
  node: Expression,
  context: ExpressionContext,
  isAsked: (part: Expression) => boolean,
): boolean {
  const { meetings } = context.found.dialect
  if (meetings === undefined) return false
  return meetingsOf(node, context).some(({ how, values }) => {
    const typed = values.map((value) => typedOf(value, context))
    return !eachAgrees(
      typed,
      meetings[how],
      (index) => {
        const value = item(values, index)
        return !(value.kind === 'parameter' && context.trustsParameters) && isAsked(value)
      },
      context.trustsParameters,
    )
  })
}

/** Whether each of those that are asked about agrees with the others: a list may be long, and have few types. */
function eachAgrees(
  typed: readonly Typed[],
  agrees: (value: Typed, others: readonly Typed[]) => boolean,
  isAsked: (index: number) => boolean,
  trustsParameters: true | undefined,
): boolean {
  const kinds = new Map<string, { value: Typed; count: number; isAsked: boolean }>()
  typed.forEach((value, index) => {
    const { type, given } = value
    if (given?.kind === 'parameter' && trustsParameters) return
    const key = given === undefined ? `of ${type}` : given.kind
    const known = kinds.get(key)
    if (known === undefined) kinds.set(key, { value, count: 1, isAsked: isAsked(index) })
    else {
      known.count++
      known.isAsked ||= isAsked(index)
    }
  })
  const all = [...kinds.values()]
  return all.every(
    (one) =>
      !one.isAsked ||
      agrees(
        one.value,
        all.flatMap((other) => (other === one && one.count === 1 ? [] : [other.value])),
      ),
  )
}

/** The same of what a query gives, which is compared with what is beside it. */
export function rowsMayNotMeet({ tested }: Subquery, outputs: readonly Output[], context: ExpressionContext): boolean {
  const { meetings } = context.found.dialect
  if (meetings === undefined) return false
  const left = tested?.kind === 'row' ? tested.args : tested === undefined ? [] : [tested]
  return (
    left.length !== outputs.length ||
    left.some((part, index) => {
      const [value, other] = [typedOf(part, context), { type: outputs[index]?.type }]
      return !meetings.compares(value, [other]) || !meetings.compares(other, [value])
    })
  )
}

/** Whether values that stand below one another can be brought to one type, whatever they are: those that are asked about. */
export const joinColumn = (
  outputs: readonly Output[],
  meetings: Meetings,
  isAsked: (output: Output) => boolean,
): boolean => eachAgrees(outputs.map(asTyped), meetings.joins, (index) => isAsked(item(outputs, index)), undefined)

function meetingsOf(node: Expression, context: ExpressionContext): Meeting[] {
  switch (node.kind) {
    case 'operation':
      return comparisonsOf(node, context).map((values) => ({ how: 'compares', values }))
    case 'extreme':
      return [{ how: 'compares', values: node.args }]
    case 'coalesce':
    case 'array':
      return [{ how: 'joins', values: node.args }]
    case 'case':
      return [{ how: 'joins', values: givenBy(node) }]
    case 'call':
      return [
        { how: 'joins', values: context.found.dialect.meetings?.chosenFrom(node) ?? [] },
        ...sortedBy(node).map((by): Meeting => ({ how: 'compares', values: [by] })),
      ]
    case 'built':
      return node.order.map(({ by }) => ({ how: 'compares', values: [by] }))
    case 'column':
    case 'constant':
    case 'parameter':
    case 'system-value':
    case 'variable':
    case 'assign':
    case 'logic':
    case 'test':
    case 'subquery':
    case 'cast':
    case 'collate':
    case 'row':
    case 'field':
    case 'grouping-set':
    case 'current-of':
    case 'default':
    case 'opaque':
      return []
  }
}

const sortedBy = ({ order, distinct, args }: Call): Expression[] => [
  ...order.map(({ by }) => by),
  ...(distinct === true ? args : []),
]

/** What an operation compares with what: rows are compared column by column. */
function comparisonsOf({ form, operators, args }: Operation, context: ExpressionContext): (readonly Expression[])[] {
  const { meetings } = context.found.dialect
  if (!operators.some(({ name }) => meetings?.isComparison(name) === true)) return []
  const [value, other] = args
  const all =
    (form === 'any' || form === 'all') && value !== undefined && other?.kind === 'array' ? [value, ...other.args] : args
  const rows = all.map((arg) => (arg.kind === 'row' ? arg.args : undefined))
  const [first] = rows
  const isOfRows = first !== undefined && rows.every((row) => row?.length === first.length)
  return isOfRows ? first.map((_, column) => rows.flatMap((row) => row?.[column] ?? [])) : [all]
}
