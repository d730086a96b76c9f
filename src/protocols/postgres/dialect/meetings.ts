import { wordList } from '../../../shared/word-list.ts'
import type { Meetings, Typed } from '../../../sql/dialect.ts'
import type { Constant } from '../../../sql/query.ts'

/**
 * Where values of several types meet, the server converts them to one type by implicit casts, some of which can fail: a large numeric to a
 * float, a large bigint to an oid, a late date to a timestamp. Rows are compared column by column; a column that cannot be compared is an
 * error. Texts with different collations cannot be compared at all, and those with a nondeterministic collation not by every operator;
 * only texts of the default collation have a type here. Sources: pg_cast.dat, record_eq in rowtypes.c.
 */
export const meetings: Meetings = {
  joins,
  compares,
  commonType,
  operatorGives,
  isComparison: (operator) => COMPARISONS.has(operator),
  // The value of another row, or the default where there is no such row.
  chosenFrom: ({ name, args }) => (SHIFTS.has(name.name) ? args.filter((_, index) => index !== 1) : []),
}

const types = (text: string): ReadonlySet<string> => new Set(wordList(text))

export const COMPARISONS = types('= <> != < > <= >=')
export const FINDERS = types('-> ->>')
export const MATCHERS = types('~~ !~~ ~~* !~~*')
const SHIFTS = types('lag lead')

/** Types of which any two values can be compared. */
export const COMPARABLE =
  types(`text varchar bpchar char bytea int2 int4 int8 numeric float4 float8 bool date time timetz timestamp timestamptz interval uuid
  money oid inet cidr macaddr macaddr8 bit varbit jsonb`)
const TEXT = types('text varchar bpchar')
/** Types whose values every implicit cast accepts. */
const FIRM =
  types(`text varchar bpchar char bytea int2 int4 float4 float8 bool time timetz timestamptz interval uuid money oid inet cidr macaddr bit
  varbit json jsonb xml record`)
/** Types that every value of the other types converts to without failing. */
const BECOMES: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['numeric', types('int2 int4 int8 numeric')],
  ['int8', types('int2 int4 int8 numeric float4 float8')],
])
/** Next to these, a parameter keeps its declared type or converts to theirs without failing. */
const BESIDE_PARAMETERS = types('text varchar bpchar int2 int4 int8 numeric bool uuid bytea json jsonb date')

const isConstant = ({ given }: Typed): boolean => given?.kind === 'constant'

function joins({ type, given }: Typed, others: readonly Typed[]): boolean {
  // A constant is converted before any row is read.
  if (given?.kind === 'constant') return true
  const met = others.filter((other) => !isConstant(other))
  if (given !== undefined)
    return met.every((other) => other.given !== undefined || BESIDE_PARAMETERS.has(other.type ?? ''))
  if (type !== undefined && FIRM.has(type)) return true
  const becomes = BECOMES.get(type ?? '')
  return met.every((other) => other.type !== undefined && (becomes?.has(other.type) ?? other.type === type))
}

function compares(value: Typed, others: readonly Typed[]): boolean {
  const { type, given } = value
  if (!joins(value, others)) return false
  if (given !== undefined) return true
  if (type === undefined || !COMPARABLE.has(type.replace(/^_/, ''))) return false
  return !TEXT.has(type) || others.every((other) => other.given !== undefined || TEXT.has(other.type ?? ''))
}

function commonType(values: readonly Typed[]): string | undefined {
  const known = values.filter(({ given }) => given === undefined).map(({ type }) => type)
  const [first] = known
  if (first === undefined) return undefined
  if (known.every((type) => TEXT.has(type ?? ''))) return known.every((type) => type === first) ? first : 'text'
  if (!known.every((type) => type === first)) return undefined
  return values.every(({ given }) => given === undefined || (given.kind === 'constant' && isOf(given, first)))
    ? first
    : undefined
}

/** Whether a value of this type and a constant have this type in common. */
function isOf({ type, value }: Constant, of: string): boolean {
  if (type === 'integer') return value.length > LONGEST_INT4 ? of === 'numeric' : WITH_INT4.has(of)
  return type === 'number' ? WITH_NUMBERS.has(of) : true
}
const LONGEST_INT4 = 9
const WITH_INT4 = types('int4 int8 numeric float4 float8')
const WITH_NUMBERS = types('numeric float4 float8')

function operatorGives(name: string, values: readonly Typed[]): string | undefined {
  if (COMPARISONS.has(name) || MATCHERS.has(name)) return 'bool'
  const [left] = values
  if (FINDERS.has(name)) return left?.type !== 'jsonb' ? undefined : name === '->' ? 'jsonb' : 'text'
  if (name !== '||') return undefined
  if (values.every(({ type }) => type === 'bytea')) return 'bytea'
  const isText = values.some(({ type }) => TEXT.has(type ?? ''))
  return isText && values.every(({ type, given }) => given !== undefined || COMPARABLE.has(type ?? ''))
    ? 'text'
    : undefined
}
