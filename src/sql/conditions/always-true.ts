import { fromParts, partsOf, statementParts } from '../parts.ts'
import { infinityOf, isPlace, matchesEmpty, mayTellRowsApart, SYSTEM, varies, type AskedRow } from './row-questions.ts'
import type { Call, Constant, Expression, FromItem, Operation, Select, Statement, Subquery, Table } from '../query.ts'

/**
 * Whether a condition on the rows of a write leaves none of them out: there is none, it does not depend on the row, or simple
 * evaluation finds no row that it leaves out. Rows with NULL do not count: `x = x` holds for every row in this sense.
 * Parameters and other tables could have any value, so what depends on these alone could hold for every row.
 */
export function isAlways(where: Expression | undefined, target: Table, from: readonly FromItem[] = []): boolean {
  if (where === undefined) return true
  const names: Names = {
    target: target.alias?.name ?? target.name.name,
    twins: twinsOf(target, from),
    others: namesIn(from),
    relation: target,
  }
  if (where.kind === 'logic' && where.how === 'and') return where.args.every((arg) => isAlways(arg, target, from))
  if (!dependsOnRow(where, names)) return true
  return !canLeaveOut(where, names)
}

interface Names {
  /** What the relation is called. */
  readonly target: string
  /** What else stands for the same relation: their rows are its rows. */
  readonly twins: ReadonlySet<string>
  /** Columns that the text itself gives to something else in FROM: without a qualifier they are not of the row. */
  readonly others: ReadonlySet<string>
  readonly relation: Table
}

function twinsOf(target: Table, from: readonly FromItem[]): ReadonlySet<string> {
  const twins = new Set<string>()
  const visit = (item: FromItem): void => {
    if (item.kind === 'join') {
      visit(item.left)
      visit(item.right)
    } else if (item.kind === 'table') {
      if (item.name.name === target.name.name) twins.add(item.alias?.name ?? item.name.name)
    } else if (item.kind === 'derived' && mentions(item.query, target)) twins.add(item.alias?.name ?? '')
  }
  for (const item of from) visit(item)
  return twins
}

/** A column that is the row's, or that of another row of the same relation. */
function isOfRow(path: readonly string[], { target, twins, others }: Names): boolean {
  const qualifier = path.at(-2)
  return qualifier === undefined ? !others.has(String(path.at(-1))) : qualifier === target || twins.has(qualifier)
}

/** The row as a whole, which is not NULL and equal to itself. */
const isWholeRow = (path: readonly string[], { target }: Names): boolean =>
  path.at(-1) === '*' || (path.length === 1 && path[0] === target)

/** Names of columns as far as the text says them: of aliases, of what a subquery selects, of functions. */
function namesIn(from: readonly FromItem[]): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (item: FromItem): void => {
    if (item.kind === 'join') {
      visit(item.left)
      visit(item.right)
    }
    if (item.kind === 'opaque') return
    for (const column of item.alias?.columns ?? []) names.add(column)
    if (item.kind === 'derived' && item.query.kind === 'select')
      for (const { name } of item.query.targets) if (name !== undefined) names.add(name)
    if (item.kind === 'function-table') {
      for (const column of item.columns) names.add(column)
      // A function that gives one value gives it under its own name, or under that of the alias.
      if (item.alias !== undefined) names.add(item.alias.name)
      for (const call of item.calls) if (call.kind === 'call') names.add(call.name.name)
    }
  }
  for (const item of from) visit(item)
  return names
}

function mentions(statement: Statement, target: Table): boolean {
  const { from, statements } = statementParts(statement)
  const inFrom = (item: FromItem): boolean => {
    if (item.kind === 'table') return item.name.name === target.name.name
    const parts = fromParts(item)
    return parts.from.some(inFrom) || parts.statements.some((inner) => mentions(inner, target))
  }
  return from.some(inFrom) || statements.some((inner) => mentions(inner, target))
}

/** A column outside any subquery, or one within that names the relation. What stands unqualified in a subquery with FROM is its own. */
function dependsOnRow(node: Expression, names: Names, inside = false): boolean {
  if (node.kind === 'current-of') return true
  if (node.kind === 'column') {
    const qualifier = node.path.at(-2)
    return qualifier === undefined ? !inside && !names.others.has(String(node.path.at(-1))) : qualifier === names.target
  }
  const { expressions, statements } = partsOf(node)
  return (
    expressions.some((part) => dependsOnRow(part, names, inside)) ||
    statements.some((statement) => statementDepends(statement, names, inside))
  )
}

function statementDepends(statement: Statement, names: Names, inside: boolean): boolean {
  const { expressions, statements, from } = statementParts(statement)
  const within = inside || from.length > 0
  const inFrom = (item: FromItem): boolean => {
    const parts = fromParts(item)
    return (
      parts.expressions.some((part) => dependsOnRow(part, names, true)) ||
      parts.statements.some((inner) => statementDepends(inner, names, true)) ||
      parts.from.some(inFrom)
    )
  }
  return (
    expressions.some((part) => dependsOnRow(part, names, within)) ||
    statements.some((inner) => statementDepends(inner, names, within)) ||
    from.some(inFrom)
  )
}

// ── simple evaluation ──────────────────────────────────────────────────────────────────────────────────────────────

/** A value, NULL, or one that is not known. */
type Value = number | string | boolean | null | typeof UNKNOWN
const UNKNOWN = Symbol('unknown')

/** Looks for a row that the condition leaves out. */
function canLeaveOut(where: Expression, names: Names): boolean {
  const samples = samplesOf(where, names)
  for (let guess = 0; guess < MAX_GUESSES; guess++) {
    const trial = new Trial(names, samples, guess)
    if (!trial.leavesOut(where)) return false
    if (guess + 1 >= 2 ** Math.min(trial.given, 4)) break
  }
  return true
}

/**
 * One choice for what does not depend on the row (parameters, other tables, subqueries): any such choice may come true. Over it,
 * rows are tried: for each column the values around the constants that it is compared with, for each question that cannot
 * be evaluated both answers.
 */
class Trial {
  readonly #names: Names
  readonly #row: AskedRow
  readonly #samples: Samples
  readonly #guess: number
  /** What has been asked of the row, in the order in which it was asked first, and how many answers there are. */
  readonly #asked = new Map<string, { readonly options: readonly Value[]; chosen: number }>()
  readonly #given = new Map<string, boolean>()
  readonly #texts = new Map<Expression, string>()
  #steps = 0

  constructor(names: Names, samples: Samples, guess: number) {
    this.#names = names
    this.#samples = samples
    this.#guess = guess
    this.#row = {
      has: (path) => isOfRow(path, names) && !isWholeRow(path, names),
      dependsOn: (node) => dependsOnRow(node, names),
      relation: names.relation.name.name,
    }
  }

  get given(): number {
    return this.#given.size
  }

  leavesOut(where: Expression): boolean {
    // A condition that needs more to show what it leaves out is taken for one that leaves nothing out.
    while (this.#steps < MAX_STEPS) {
      if (this.#truth(where) !== true) return true
      if (!this.#next()) return false
    }
    return false
  }

  /** The next row; false where all have been tried. */
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
    return asked.options[asked.chosen] as Value
  }

  #truth(node: Expression): boolean | null {
    const value = this.#value(node)
    if (typeof value === 'boolean' || value === null) return value
    if (value === 'true' || value === 'false') return value === 'true'
    // `<>` is answered as `=` is.
    const opposite =
      node.kind === 'operation' &&
      !node.args.some((arg) => isPlace(arg, this.#row)) &&
      (node.form === 'plain' || node.form === 'like')
        ? OPPOSITES[node.operators[0]?.name ?? '']
        : undefined
    if (opposite !== undefined)
      return !this.#truth({ ...(node as Operation), operators: [{ schema: undefined, name: opposite }] })
    const key = this.#textOf(node)
    if (dependsOnRow(node, this.#names) && mayTellRowsApart(node, this.#row))
      return this.#answer(key, [false, true]) as boolean
    const given = this.#given.get(key) ?? ((this.#guess >> this.#given.size) & 1) === 0
    this.#given.set(key, given)
    return given
  }

  #value(node: Expression): Value {
    this.#steps++
    switch (node.kind) {
      case 'constant':
        return valueOf(node)
      case 'column': {
        if (SYSTEM.has(String(node.path.at(-1))) || isWholeRow(node.path, this.#names)) return UNKNOWN
        const key = this.#keyOf(node.path)
        return this.#answer(key, this.#samples.get(key) ?? SOME_VALUES)
      }
      case 'collate':
        return this.#value(node.arg)
      case 'cast':
        return castTo(this.#value(node.arg), node.to.name)
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
          (best, value) => (best === null || compare(node.greatest ? '>' : '<', value, best) === true ? value : best),
          null,
        )
      }
      case 'case': {
        const operand = node.operand && this.#value(node.operand)
        for (const { when, gives } of node.branches) {
          const hit = operand === undefined ? this.#truth(when) : compare('=', operand, this.#value(when))
          if (hit === UNKNOWN) return UNKNOWN
          if (hit === true) return this.#value(gives)
        }
        return node.otherwise === undefined ? null : this.#value(node.otherwise)
      }
      case 'operation':
        return this.#operation(node)
      case 'call': {
        const values = node.args.map((arg) => this.#value(arg))
        if (values.includes(null) && node.name.name in FUNCTIONS) return null
        const value = valueOfCall(node, values)
        if (value !== UNKNOWN) return value
        const some = SOME_RESULTS[node.name.name]?.(node)
        return some === undefined || !node.args.some((arg) => arg.kind !== 'array' && varies(arg, this.#row))
          ? UNKNOWN
          : this.#answer(this.#textOf(node), some)
      }
      case 'subquery':
        return this.#holdsAllRows(node) ? true : UNKNOWN
      case 'parameter':
      case 'system-value':
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

  #keyOf(path: readonly string[]): string {
    return isOfRow(path, this.#names) ? String(path.at(-1)) : JSON.stringify(path)
  }

  /** An expression as a text in which a column of the row is called by its name alone. */
  #textOf(node: Expression): string {
    const known = this.#texts.get(node)
    if (known !== undefined) return known
    const text = JSON.stringify(node, (key, part: unknown) => {
      // Where it stands says nothing about its value; any two parameters may be given the same.
      if (key === 'at' || key === 'others' || key === 'number') return undefined
      return (part as Partial<Expression> | null)?.kind === 'column'
        ? this.#keyOf((part as Extract<Expression, { kind: 'column' }>).path)
        : part
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
      // Whether a column is NULL is a question of its own; what is made of values that are there is not.
      const value =
        arg.kind === 'column' && this.#row.has(arg.path) && !SYSTEM.has(String(arg.path.at(-1)))
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
    switch (node.form) {
      case 'plain':
        if (others.length === 0) return name === '-' && typeof left === 'number' ? -left : UNKNOWN
        return combine(name, left, rest[0] as Value, this.#same(first, others[0]))
      case 'like':
        return combine(name, left, rest[0] as Value, this.#same(first, others[0]))
      case 'distinct': {
        const [right = UNKNOWN] = rest
        if (this.#same(first, others[0])) return node.negated
        if (left === null || right === null) return ((left === null) !== (right === null)) !== node.negated
        const equal = compare('=', left, right)
        return equal === UNKNOWN ? UNKNOWN : equal === node.negated
      }
      case 'nullif': {
        const same = this.#same(first, others[0]) ? true : compare('=', left, rest[0] as Value)
        return same === UNKNOWN ? UNKNOWN : same === true ? null : left
      }
      case 'in': {
        const hits = rest.map((value, index) => (this.#same(first, others[index]) ? true : compare('=', left, value)))
        if (hits.includes(true)) return !node.negated
        return hits.includes(UNKNOWN) ? UNKNOWN : hits.includes(null) ? null : node.negated
      }
      case 'between': {
        const [low = UNKNOWN, high = UNKNOWN] = rest
        const above = combine('>=', left, low, this.#same(first, others[0]))
        const below = combine('<=', left, high, this.#same(first, others[1]))
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
        if (list?.kind !== 'array') return UNKNOWN
        const hits = list.args.map((part) => combine(name, left, this.#value(part), this.#same(first, part)))
        const decides = node.form === 'any'
        if (hits.includes(decides)) return decides
        return hits.every((hit) => typeof hit === 'boolean') ? !decides : UNKNOWN
      }
    }
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

const isPlain = ({ group, having, distinct, limit, offset, with: ctes }: Select): boolean =>
  group.length === 0 &&
  having === undefined &&
  (distinct === undefined || distinct.length === 0) &&
  limit.length === 0 &&
  offset.length === 0 &&
  ctes === undefined

function valueOf({ type, value }: Constant): Value {
  switch (type) {
    case 'null':
      return null
    case 'boolean':
      return value === 'true'
    case 'integer':
    case 'number':
      return Number(value)
    case 'text':
    case 'bits':
      return value
  }
}

const OPPOSITES: Readonly<Record<string, string>> = {
  '<>': '=',
  '!=': '=',
  '>=': '<',
  '<=': '>',
  '!~~': '~~',
  '!~~*': '~~*',
  '!~': '~',
  '!~*': '~*',
}
const NUMBERS = /^(int[248]?|integer|smallint|bigint|numeric|decimal|float[48]?|real|oid)$/
function castTo(value: Value, type: string): Value {
  if (value === null || value === UNKNOWN) return value
  if (typeof value === 'string' && infinityOf(value) !== undefined) return value
  if (NUMBERS.test(type)) return Number.isNaN(Number(value)) ? UNKNOWN : Number(value)
  if (type === 'bool') return BOOLEANS[String(value)] ?? UNKNOWN
  return typeof value === 'number' && /^(text|varchar|bpchar)$/.test(type) ? String(value) : value
}
const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  t: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  f: false,
  no: false,
  off: false,
  '0': false,
}

function compare(name: string, left: Value, right: Value): boolean | null | typeof UNKNOWN {
  if (left === null || right === null) return null
  if (left === UNKNOWN || right === UNKNOWN) return UNKNOWN
  let [one, other] = [left, right]
  const ends = [one, other].map((side) => (typeof side === 'string' ? infinityOf(side) : undefined))
  if (ends.some((end) => end !== undefined)) {
    // infinity is a value like any other where something is equal to it, and beyond all where they are ordered.
    if (name === '=' || name === '<>') return UNKNOWN
    one = ends[0] ?? (typeof one === 'string' ? 0 : one)
    other = ends[1] ?? (typeof other === 'string' ? 0 : other)
  }
  if (typeof one === 'number' && typeof other === 'string') other = Number(other)
  if (typeof other === 'number' && typeof one === 'string') one = Number(one)
  if (typeof one === 'boolean' && typeof other === 'string') other = BOOLEANS[other] ?? NaN
  if (typeof other === 'boolean' && typeof one === 'string') one = BOOLEANS[one] ?? NaN
  if (typeof one !== typeof other || Number.isNaN(one) || Number.isNaN(other)) return UNKNOWN
  switch (name) {
    case '=':
      return one === other
    case '<>':
      return one !== other
    case '<':
      return one < other
    case '<=':
      return one <= other
    case '>':
      return one > other
    case '>=':
      return one >= other
    default:
      return UNKNOWN
  }
}

const SELF = new Set(['=', '<=', '>=', '~~', '~~*', '~', '~*'])
const NEVER = new Set(['<>', '!=', '<', '>', '!~~', '!~~*', '!~', '!~*'])

function combine(name: string, left: Value, right: Value, same: boolean): Value {
  if (same && SELF.has(name)) return true
  if (same && NEVER.has(name)) return false
  if (left === null || right === null) return null
  const compared = compare(name === '!=' ? '<>' : name, left, right)
  if (compared !== UNKNOWN) return compared
  if (typeof left === 'number' && typeof right === 'number') {
    const make = ARITHMETIC[name]
    return make === undefined ? UNKNOWN : make(left, right)
  }
  if (name === '||' && left !== UNKNOWN && right !== UNKNOWN) return `${String(left)}${String(right)}`
  if (typeof right === 'string' && ANY_TEXT[name]?.test(right) === true) return true
  if (typeof right === 'string' && NO_TEXT[name]?.test(right) === true) return false
  if (typeof right === 'string' && (name === '~' || name === '~*') && matchesEmpty(right)) return true
  if (name === '^@' && right === '') return true
  if ((name === '~~' || name === '!~~') && typeof left === 'string' && typeof right === 'string')
    return isLike(left, right) === (name === '~~')
  return UNKNOWN
}

const ARITHMETIC: Readonly<Record<string, (left: number, right: number) => Value>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
}

/** Patterns that every text matches. */
const ALL_LIKE = /^%+$/
const ALL_REGEX = /^\^?(\.\*\??)*\$?$/
const ANY_TEXT: Readonly<Record<string, RegExp>> = { '~~': ALL_LIKE, '~~*': ALL_LIKE, '~': ALL_REGEX, '~*': ALL_REGEX }
const NO_TEXT: Readonly<Record<string, RegExp>> = {
  '!~~': ALL_LIKE,
  '!~~*': ALL_LIKE,
  '!~': ALL_REGEX,
  '!~*': ALL_REGEX,
}

/** LIKE by dynamic programming: linear in both, whatever the pattern. */
function isLike(text: string, pattern: string): Value {
  if (pattern.includes('\\') || text.length * pattern.length > 10_000) return UNKNOWN
  let ends = new Set([0])
  for (const sign of pattern) {
    const next = new Set<number>()
    for (const end of ends) {
      if (sign === '%') for (let at = end; at <= text.length; at++) next.add(at)
      else if (end < text.length && (sign === '_' || text[end] === sign)) next.add(end + 1)
    }
    ends = next
  }
  return ends.has(text.length)
}

const text =
  (make: (value: string) => Value) =>
  ([value]: readonly Value[]): Value =>
    typeof value === 'string' ? make(value) : UNKNOWN
const number =
  (make: (value: number) => Value) =>
  ([value]: readonly Value[]): Value =>
    typeof value === 'number' ? make(value) : UNKNOWN
const length = text((value) => [...value].length)
const bytes = text((value) => Buffer.byteLength(value))

const FUNCTIONS: Readonly<Record<string, (values: readonly Value[]) => Value>> = {
  length,
  char_length: length,
  character_length: length,
  octet_length: bytes,
  bit_length: text((value) => 8 * Buffer.byteLength(value)),
  abs: number(Math.abs),
  sign: number(Math.sign),
  lower: text((value) => value.toLowerCase()),
  upper: text((value) => value.toUpperCase()),
  btrim: text((value) => value.trim()),
  ltrim: text((value) => value.trimStart()),
  rtrim: text((value) => value.trimEnd()),
  reverse: text((value) => [...value].toReversed().join('')),
}

function valueOfCall({ name, args }: Call, values: readonly Value[]): Value {
  const [first, second] = values
  if (name.name === 'starts_with' && typeof second === 'string')
    return second === '' ? true : typeof first === 'string' ? first.startsWith(second) : UNKNOWN
  return args.length === 1 ? (FUNCTIONS[name.name]?.(values) ?? UNKNOWN) : UNKNOWN
}

const lengths = (): readonly Value[] => [0, 1, 5, 1000]
const constantsOf = ({ args }: Call): number => args.filter(({ kind }) => kind === 'constant').length

/** What these may give, lowest and highest included, where their argument is not evaluated. */
const SOME_RESULTS: Readonly<Record<string, (call: Call) => readonly Value[] | undefined>> = {
  length: lengths,
  char_length: lengths,
  character_length: lengths,
  octet_length: lengths,
  bit_length: lengths,
  cardinality: lengths,
  array_length: lengths,
  array_upper: lengths,
  array_ndims: () => [1, 2],
  jsonb_array_length: lengths,
  json_array_length: lengths,
  regexp_count: lengths,
  abs: lengths,
  sqrt: lengths,
  exp: lengths,
  sign: () => [-1, 0, 1],
  sin: () => [-1, 0, 1],
  cos: () => [-1, 0, 1],
  ascii: () => [0, 65, 1_114_111],
  md5: () => ['0'.repeat(32), 'f'.repeat(32)],
  strpos: found,
  position: found,
  num_nulls: (call) => [0, call.args.length - constantsOf(call)],
  num_nonnulls: (call) => [constantsOf(call), call.args.length],
  date_part: partOfTime,
  extract: partOfTime,
}

/** Where a text is found; an empty one is found everywhere. */
function found({ args }: Call): readonly Value[] | undefined {
  return args.some((arg) => arg.kind === 'constant' && arg.value === '') ? undefined : lengths()
}

function partOfTime({ args: [field] }: Call): readonly Value[] | undefined {
  const name = field?.kind === 'constant' ? field.value.toLowerCase() : ''
  return PARTS_OF_TIME[name]
}
const PARTS_OF_TIME: Readonly<Record<string, readonly Value[]>> = {
  month: [1, 12],
  quarter: [1, 4],
  week: [1, 53],
  day: [1, 31],
  dow: [0, 6],
  isodow: [1, 7],
  doy: [1, 366],
  hour: [0, 23],
  minute: [0, 59],
  second: [0, 59],
}

type Samples = ReadonlyMap<string, readonly Value[]>

/** Where nothing says of which kind the values are, none is taken. */
const SOME_VALUES: readonly Value[] = [UNKNOWN]

/** For each column of the condition, values around the constants that it stands in one comparison with, of their kind. */
function samplesOf(where: Expression, names: Names): Samples {
  const found = new Map<string, { readonly constants: Constant[]; isText: boolean }>()
  const visit = (node: Expression): void => {
    const compares = node.kind === 'operation' || (node.kind === 'case' && node.operand !== undefined)
    if (!compares) {
      for (const part of partsOf(node).expressions) visit(part)
      return
    }
    const keys = new Map<string, boolean>()
    const constants: Constant[] = []
    const within = (part: Expression, isText: boolean): void => {
      if (part.kind === 'column') {
        const key = isOfRow(part.path, names) ? String(part.path.at(-1)) : JSON.stringify(part.path)
        keys.set(key, isText || keys.get(key) === true)
      }
      if (part.kind === 'constant' && constants.length < MAX_CONSTANTS) constants.push(part)
      const ofText =
        (part.kind === 'call' && OF_TEXT.has(part.name.name)) ||
        (part.kind === 'operation' && part.operators.some(({ name }) => OF_TEXT.has(name)))
      for (const inner of partsOf(part).expressions) within(inner, ofText)
    }
    within(node, false)
    for (const [key, isText] of keys) {
      const before = found.get(key) ?? { constants: [], isText: false }
      found.set(key, { constants: [...before.constants, ...constants], isText: before.isText || isText })
    }
  }
  visit(where)
  return new Map([...found].map(([key, { constants, isText }]) => [key, around(constants, isText)]))
}

/** Functions and operators whose arguments are texts. */
const OF_TEXT: ReadonlySet<string> = new Set(
  `length char_length character_length octet_length bit_length lower upper btrim ltrim rtrim reverse starts_with
  || ~~ ~~* !~~ !~~* ~ ~* !~ !~* ^@`.split(/\s+/),
)

function around(constants: readonly Constant[], isText: boolean): readonly Value[] {
  const given = constants.filter(({ type }) => type === 'text').map(({ value }) => value)
  const texts = given.filter((value) => infinityOf(value) === undefined)
  if (given.length > texts.length && texts.length === 0 && constants.length === given.length) return ANY_NUMBERS
  const numbers = constants
    .filter(({ type }) => type === 'integer' || type === 'number')
    .map(({ value }) => Number(value))
  const textual = (): readonly Value[] => [
    ...new Set([
      '\u{10FFFF}',
      '',
      ' aA ',
      ...texts.flatMap((text) => [text, `${text}~`, text.slice(0, -1)]),
      // Numbers beside texts are lengths of them.
      ...numbers.flatMap((length) =>
        length >= 0 && length < 1000 ? ['x'.repeat(length), 'x'.repeat(length + 1)] : [],
      ),
    ]),
  ]
  if (isText) return textual()
  const areNumbers = texts.every((text) => text.trim() !== '' && !Number.isNaN(Number(text)))
  if (texts.length > 0 && numbers.length > 0 && !areNumbers) return SOME_VALUES
  const all = [...numbers, ...(areNumbers ? texts.map(Number) : [])]
  if (all.length > 0) {
    // No value of the type is beyond its bounds.
    const most = Math.min(...all.filter((one) => LIMITS_OF_TYPES.has(one)))
    const least = Math.max(...all.filter((one) => LIMITS_OF_TYPES.has(-one) || LIMITS_OF_TYPES.has(-one - 1)))
    return [...new Set([...ANY_NUMBERS, ...all.flatMap((one) => [one, one - 1, one + 1])])].filter(
      (one) => one < most && one > least,
    )
  }
  if (texts.length > 0) return textual()
  return constants.some(({ type }) => type === 'boolean') ? [true, false] : SOME_VALUES
}

const ANY_NUMBERS: readonly number[] = [1e15, -1e15, 1e9, -1e9, 1000, -1000, 0]
/** Of smallint, integer and bigint, and one more. */
const LIMITS_OF_TYPES = new Set([32_767, 32_768, 2_147_483_647, 2_147_483_648, 2 ** 63])
const MAX_STEPS = 20_000
const MAX_GUESSES = 16
const MAX_CONSTANTS = 60
