import type { Column, Expression, Operation, Select, Subquery } from '../query.ts'
import { dependsOnRow, isOfRow, isWholeRow, type OwnRow } from './own-row.ts'
import { isPlace, mayDistinguishRows, varies, type AskedRow } from './row-questions.ts'
import { SOME_VALUES, samplesOf, type Samples } from './samples.ts'
import type { ConditionTerms } from './terms.ts'
import { UNKNOWN, valueOf, type Value } from './values.ts'

/** Searches for a row for which the condition does not hold. */
export function canLeaveOut(where: Expression, names: OwnRow): boolean {
  const samples = samplesOf(where, names)
  for (let guess = 0; guess < MAX_GUESSES; guess++) {
    const trial = new Trial(names, samples, guess)
    if (!trial.leavesOut(where)) return false
    if (guess + 1 >= 2 ** Math.min(trial.given, 4)) break
  }
  return true
}

/**
 * One assignment of truth values to everything that does not depend on the row (parameters, other tables, subqueries): each may occur. For
 * it, rows are tried: for each column the values around the constants that it is compared with, and for each comparison that cannot be
 * evaluated both answers.
 */
class Trial {
  readonly #names: OwnRow
  readonly #terms: ConditionTerms
  readonly #row: AskedRow
  readonly #samples: Samples
  readonly #guess: number
  /** The questions about the row in the order in which they first came up, each with its number of answers. */
  readonly #asked = new Map<string, { readonly options: readonly Value[]; chosen: number }>()
  readonly #given = new Map<string, boolean>()
  readonly #texts = new Map<Expression, string>()
  #steps = 0

  constructor(names: OwnRow, samples: Samples, guess: number) {
    this.#names = names
    this.#terms = names.dialect.conditions
    this.#samples = samples
    this.#guess = guess
    this.#row = {
      has: (path) => isOfRow(path, names) && !isWholeRow(path, names),
      dependsOn: (node) => dependsOnRow(node, names),
      relation: names.relation.name.name,
      dialect: names.dialect,
    }
  }

  get given(): number {
    return this.#given.size
  }

  leavesOut(where: Expression): boolean {
    // A condition that needs more trials to find a row counts as one that holds for all.
    while (this.#steps < MAX_STEPS) {
      if (this.#truth(where) !== true) return true
      if (!this.#next()) return false
    }
    return false
  }

  /** Moves to the next row; false when all have been tried. */
  #next(): boolean {
    for (const asked of this.#asked.values()) {
      asked.chosen++
      if (asked.chosen < asked.options.length) return true
      asked.chosen = 0
    }
    return false
  }

  #answer(key: string, options: readonly Value[]): Value {
    const asked = this.#asked.get(key) ?? { options, chosen: 0 }
    this.#asked.set(key, asked)
    const chosen = asked.options[asked.chosen]
    return chosen === undefined ? UNKNOWN : chosen
  }

  #truth(node: Expression): boolean | null {
    const value = this.#value(node)
    if (typeof value === 'boolean' || value === null) return value
    if (value === 'true' || value === 'false') return value === 'true'
    // Servers that accept a number as a condition take all but zero for true; others refuse it.
    if (typeof value === 'number') return value !== 0
    // `<>` is answered as `=` is.
    const opposite = node.kind === 'operation' ? this.#opposite(node) : undefined
    if (opposite !== undefined) return !this.#truth(opposite)
    const key = this.#textOf(node)
    if (dependsOnRow(node, this.#names) && mayDistinguishRows(node, this.#row))
      return this.#answer(key, [false, true]) === true
    const given = this.#given.get(key) ?? ((this.#guess >> this.#given.size) & 1) === 0
    this.#given.set(key, given)
    return given
  }

  #opposite(node: Operation): Operation | undefined {
    if (node.args.some((arg) => isPlace(arg, this.#row))) return undefined
    if (node.form !== 'plain' && node.form !== 'like') return undefined
    const name = this.#terms.opposite(node.operators[0]?.name ?? '')
    return name === undefined ? undefined : { ...node, operators: [{ schema: undefined, name }] }
  }

  #value(node: Expression): Value {
    this.#steps++
    switch (node.kind) {
      case 'constant':
        return valueOf(node)
      case 'column': {
        if (this.#isSystem(node.path) || isWholeRow(node.path, this.#names)) return UNKNOWN
        const key = this.#keyOf(node.path)
        return this.#answer(key, this.#samples.get(key) ?? SOME_VALUES)
      }
      case 'collate':
        return this.#value(node.arg)
      case 'cast':
        return this.#terms.cast(this.#value(node.arg), node.to.name)
      case 'logic':
        return this.#logic(node)
      case 'test':
        return this.#test(node)
      case 'coalesce': {
        for (const arg of node.args) {
          const value = this.#value(arg)
          if (value !== null) return value
        }
        return null
      }
      case 'extreme': {
        const values = node.args.map((arg) => this.#value(arg)).filter((value) => value !== null)
        if (values.includes(UNKNOWN)) return UNKNOWN
        return values.reduce<Value>(
          (best, value) =>
            best === null || this.#terms.compare(node.greatest ? '>' : '<', value, best) === true ? value : best,
          null,
        )
      }
      case 'case': {
        const operand = node.operand && this.#value(node.operand)
        for (const { when, gives } of node.branches) {
          const hit = operand === undefined ? this.#truth(when) : this.#terms.compare('=', operand, this.#value(when))
          if (hit === UNKNOWN) return UNKNOWN
          if (hit === true) return this.#value(gives)
        }
        return node.otherwise === undefined ? null : this.#value(node.otherwise)
      }
      case 'operation':
        return this.#operation(node)
      case 'call': {
        const value = this.#terms.call(
          node,
          node.args.map((arg) => this.#value(arg)),
        )
        if (value !== UNKNOWN) return value
        const some = this.#terms.someResults(node)
        return some === undefined || !node.args.some((arg) => arg.kind !== 'array' && varies(arg, this.#row))
          ? UNKNOWN
          : this.#answer(this.#textOf(node), some)
      }
      case 'subquery':
        return this.#holdsAllRows(node) ? true : this.#findsNothing(node) ? false : UNKNOWN
      case 'assign':
        return this.#value(node.value)
      case 'parameter':
      case 'system-value':
      case 'variable':
      case 'row':
      case 'array':
      case 'field':
      case 'built':
      case 'grouping-set':
      case 'current-of':
      case 'default':
      case 'opaque':
        return UNKNOWN
    }
  }

  #isSystem(path: readonly string[]): boolean {
    return this.#names.dialect.systemColumns.has(String(path.at(-1)))
  }

  #keyOf(path: readonly string[]): string {
    return isOfRow(path, this.#names) ? String(path.at(-1)) : JSON.stringify(path)
  }

  /** An expression as a key, in which a column of the row is written without its qualifier. */
  #textOf(node: Expression): string {
    const known = this.#texts.get(node)
    if (known !== undefined) return known
    const text = JSON.stringify(node, (key, part: unknown) => {
      // Position does not matter for its value; any two parameters may have the same value.
      if (key === 'at' || key === 'others' || key === 'number') return undefined
      return isColumn(part) ? this.#keyOf(part.path) : part
    })
    this.#texts.set(node, text)
    return text
  }

  /** The same expression on both sides: whatever its value, unless it is NULL. */
  #same(left: Expression, right: Expression | undefined): boolean {
    return right !== undefined && left.kind !== 'constant' && this.#textOf(left) === this.#textOf(right)
  }

  #logic({ how, args }: Extract<Expression, { kind: 'logic' }>): boolean | null {
    const [first] = args
    if (how === 'not') {
      const value = first === undefined ? null : this.#truth(first)
      return value === null ? null : !value
    }
    const decides = how === 'or'
    let result: boolean | null = !decides
    for (const arg of args) {
      const value = this.#truth(arg)
      if (value === decides) return decides
      if (value === null) result = null
    }
    return result
  }

  #test({ is, negated, arg }: Extract<Expression, { kind: 'test' }>): Value {
    if (is === 'null') {
      // Whether a column is NULL is a separate question; an expression of values that are not NULL is not NULL.
      const value =
        arg.kind === 'column' && this.#row.has(arg.path) && !this.#isSystem(arg.path)
          ? this.#answer(`${this.#keyOf(arg.path)} is null`, [null, true])
          : this.#value(arg)
      if (value === UNKNOWN && !dependsOnRow(arg, this.#names)) return UNKNOWN
      return (value === null) !== negated
    }
    const value = this.#truth(arg)
    return (is === 'unknown' ? value === null : value === (is === 'true')) !== negated
  }

  #operation(node: Operation): Value {
    const name = node.operators[0]?.name ?? ''
    const [first, ...others] = node.args
    if (first === undefined) return UNKNOWN
    const left = this.#value(first)
    const rest = others.map((arg) => this.#value(arg))
    const [right = UNKNOWN] = rest
    const { compare, operate } = this.#terms
    switch (node.form) {
      case 'plain':
        if (others.length === 0) return name === '-' && typeof left === 'number' ? -left : UNKNOWN
        return operate(name, left, right, this.#same(first, others[0]))
      case 'like':
        return operate(name, left, right, this.#same(first, others[0]))
      case 'distinct': {
        if (this.#same(first, others[0])) return node.negated
        if (left === null || right === null) return ((left === null) !== (right === null)) !== node.negated
        const equal = compare('=', left, right)
        return equal === UNKNOWN ? UNKNOWN : equal === node.negated
      }
      case 'nullif': {
        const same = this.#same(first, others[0]) ? true : compare('=', left, right)
        return same === UNKNOWN ? UNKNOWN : same === true ? null : left
      }
      case 'in': {
        const hits = rest.map((value, index) => (this.#same(first, others[index]) ? true : compare('=', left, value)))
        if (hits.includes(true)) return !node.negated
        return hits.includes(UNKNOWN) ? UNKNOWN : hits.includes(null) ? null : node.negated
      }
      case 'between': {
        const [low = UNKNOWN, high = UNKNOWN] = rest
        const above = operate('>=', left, low, this.#same(first, others[0]))
        const below = operate('<=', left, high, this.#same(first, others[1]))
        if (above === UNKNOWN || below === UNKNOWN) return UNKNOWN
        const within = above === false || below === false ? false : above === null || below === null ? null : true
        return within === null ? null : within !== node.negated
      }
      case 'any':
      case 'all': {
        const [list] = others
        if (list?.kind === 'subquery' && list.gives === 'array')
          return this.#holdsAllRows({
            ...list,
            gives: 'rows',
            tested: first,
            operators: node.operators,
            all: node.form === 'all',
          })
            ? true
            : UNKNOWN
        if (isEmptyArray(list)) return node.form === 'all'
        if (list?.kind !== 'array') return UNKNOWN
        const hits = list.args.map((part) => operate(name, left, this.#value(part), this.#same(first, part)))
        const decides = node.form === 'any'
        if (hits.includes(decides)) return decides
        return hits.every((hit) => typeof hit === 'boolean') ? !decides : UNKNOWN
      }
    }
  }

  /** EXISTS of a query whose WHERE holds for no row. */
  #findsNothing({ gives, query }: Subquery): boolean {
    if (gives !== 'exists' || query.kind !== 'select' || !isPlain(query) || query.where === undefined) return false
    // An aggregate returns a row even for no rows.
    if (query.targets.some(({ value }) => value.kind !== 'constant' && value.kind !== 'column')) return false
    return isNever(query.where)
  }

  /** `id IN (SELECT id FROM the same relation)`, or EXISTS of a row of it that is the same one. */
  #holdsAllRows({ gives, tested, operators, all, query }: Subquery): boolean {
    if (query.kind !== 'select' || !isPlain(query)) return false
    const [item, ...more] = query.from
    if (item?.kind !== 'table' || more.length > 0 || item.name.name !== this.#names.relation.name.name) return false
    const inner = { ...this.#names, twins: new Set([...this.#names.twins, item.alias?.name ?? item.name.name]) }
    const finds = (): boolean => query.where === undefined || !canLeaveOut(query.where, inner)
    if (gives === 'exists') return finds()
    if (gives !== 'rows' || all || operators[0]?.name !== '=') return false
    const [target, ...others] = query.targets
    return (
      tested?.kind === 'column' &&
      target?.value.kind === 'column' &&
      others.length === 0 &&
      tested.path.at(-1) === target.value.path.at(-1) &&
      finds()
    )
  }
}

/** False or NULL whatever the values of its columns, which are not those of the outer statement. */
const isNever = (node: Expression): boolean =>
  (node.kind === 'constant' && (node.type === 'null' || (node.type === 'boolean' && node.value === 'false'))) ||
  (node.kind === 'logic' && node.how === 'and' && node.args.some(isNever))

/** `'{}'`, `ARRAY[]::int[]`: ALL of it holds, ANY of it does not. */
function isEmptyArray(node: Expression | undefined): boolean {
  if (node?.kind === 'cast') return isEmptyArray(node.arg)
  return (
    (node?.kind === 'array' && node.args.length === 0) ||
    (node?.kind === 'constant' && node.type === 'text' && /^\s*\{\s*\}\s*$/.test(node.value))
  )
}

const isPlain = ({ group, having, distinct, limit, offset, with: ctes }: Select): boolean =>
  group.length === 0 &&
  having === undefined &&
  (distinct === undefined || distinct.length === 0) &&
  limit.length === 0 &&
  offset.length === 0 &&
  ctes === undefined

const isColumn = (part: unknown): part is Column =>
  typeof part === 'object' && part !== null && 'kind' in part && part.kind === 'column'

const MAX_STEPS = 20_000
const MAX_GUESSES = 16
