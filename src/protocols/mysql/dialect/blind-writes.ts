import { isAlways } from '../../../sql/conditions/always-true.ts'
import { UNKNOWN, valueOf } from '../../../sql/conditions/values.ts'
import type { Constant, Expression, FromItem, Operation, Statement, Table } from '../../../sql/query.ts'
import type { Dialect } from '../../../sql/dialect.ts'
import { findRelation, type Catalog } from '../catalog/catalog.ts'
import { conditions } from './conditions.ts'
import { TEXTS } from './total-functions.ts'

/**
 * Whether an UPDATE or DELETE excludes no row, where that depends on the types of columns: a text is compared with a number as the number
 * that it begins with, which is 0 for most texts. `name = 0` is true for nearly all rows, and so is `NOT name`.
 */
export function missesWhere(tree: Statement, catalog: Catalog, dialect: Dialect): boolean {
  const misses = (where: Expression | undefined, target: Table, from: readonly FromItem[]): boolean => {
    if (where === undefined) return false
    const texts = textColumns(target, catalog)
    if (texts.size === 0) return false
    // A condition that is false for every text that is not a number excludes rows.
    return conjuncts(where)
      .map((part) => asNumbers(part, texts))
      .every((part) => !(part.kind === 'constant' && part.value === 'false') && isAlways(part, target, from, dialect))
  }
  if (tree.kind === 'update' || tree.kind === 'delete') return misses(tree.where, tree.target, tree.from)
  if (tree.kind !== 'change') return false
  return tree.targets.some(({ table, met }) => {
    const parts = [...met, ...(tree.where === undefined ? [] : [tree.where])]
    const where: Expression | undefined = parts.length > 1 ? { kind: 'logic', how: 'and', args: parts } : parts[0]
    return misses(where, table, tree.from.length > 1 || tree.from[0]?.kind !== 'table' ? tree.from : [])
  })
}

const conjuncts = (node: Expression): readonly Expression[] =>
  node.kind === 'logic' && node.how === 'and' ? node.args.flatMap(conjuncts) : [node]

/** The names of text columns in a condition: unqualified, or qualified with the table. */
function textColumns(target: Table, catalog: Catalog): ReadonlySet<string> {
  const alias = target.alias?.name ?? target.name.name
  const types = [...(findRelation(catalog, target.name)?.types ?? [])]
  return new Set(types.flatMap(([name, type]) => (TEXTS.has(type) ? [name, `${alias}.${name}`] : [])))
}

/** The condition with comparisons of texts and numbers evaluated as for a text that does not begin with a number. */
function asNumbers(node: Expression, texts: ReadonlySet<string>): Expression {
  const isText = (part: Expression | undefined): boolean =>
    part?.kind === 'column' && texts.has(part.path.slice(-2).join('.'))
  if (isText(node)) return truth(false)
  if (node.kind === 'logic') return { ...node, args: node.args.map((arg) => asNumbers(arg, texts)) }
  if (node.kind === 'test' && node.is !== 'null') return { ...node, arg: asNumbers(node.arg, texts) }
  if (node.kind !== 'operation' || !node.args.some(isText)) return node
  return answerOf(node, isText) ?? node
}

function answerOf(
  { form, negated, operators, args }: Operation,
  isText: (part: Expression) => boolean,
): Constant | undefined {
  const isNumber = (part: Expression): part is Constant =>
    part.kind === 'constant' && (part.type === 'integer' || part.type === 'number' || part.type === 'boolean')
  if (!args.every((arg) => isText(arg) || isNumber(arg)) || !args.some(isNumber)) return undefined
  const values = args.map((arg) => (isNumber(arg) ? valueOf(arg) : 0))
  const [first = 0, ...others] = values
  const holds = (
    operator: string,
    one: (typeof values)[number],
    other: (typeof values)[number],
  ): boolean | undefined => {
    const answer = conditions.compare(operator, one, other)
    return answer === UNKNOWN || answer === null ? undefined : answer
  }
  const answers =
    form === 'in'
      ? [others.some((other) => holds('=', first, other) === true) !== negated]
      : form === 'between'
        ? [(holds('>=', first, others[0] ?? 0) === true && holds('<=', first, others[1] ?? 0) === true) !== negated]
        : form === 'plain'
          ? others.map((other) => holds(operators[0]?.name ?? '', first, other))
          : []
  const [answer] = answers
  return answer === undefined ? undefined : truth(answer)
}

const truth = (value: boolean): Constant => ({ kind: 'constant', type: 'boolean', value: String(value), at: -1 })
