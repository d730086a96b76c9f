import { wordList } from '../../../shared/word-list.ts'
import { isBounded, isLiteral, type Bounds } from '../../../sql/bounded.ts'
import type { Totals, TypeOf } from '../../../sql/dialect.ts'
import type { Call, Expression, TypeName } from '../../../sql/query.ts'
import { COMPARABLE, COMPARISONS, FINDERS, MATCHERS } from './meetings.ts'

/**
 * Functions that never fail, wait, or return more or fewer rows because of their arguments: their result for a masked value is masked, and
 * reveals nothing else. Any other function may reveal values by an error, by the number of rows or by its duration. A function that is
 * total for some types only is listed with these; a value whose type is not known counts as none of them.
 */
interface Total {
  /** The types of values it accepts; `any`: every type. */
  readonly of: ReadonlySet<string> | 'any'
  /** The positions of arguments that may be such values; undefined: all. */
  readonly at?: (index: number, args: readonly Expression[], type: string | undefined) => boolean
  /** The type of its result, if that is certain. */
  readonly gives?: string
}

const types = (text: string): ReadonlySet<string> => new Set(wordList(text))
const TEXT = types('text varchar bpchar')
const TEXT_OR_BYTES = types('text varchar bpchar bytea')
/**
 * Types whose sums do not overflow. A numeric has at most 131072 digits before the point: the sum of a masked one and of a row that a client
 * wrote would say by an error which of two bounds it exceeds.
 */
const SUMMED = types('int2 int4 int8')
/** The smallest integer has no absolute value. */
const UNBOUNDED = types('numeric float4 float8')
const TIMES = types('date time timetz timestamp timestamptz interval')
/** A date is converted to a timestamp first, and an interval has no day of the week. */
const FORMATTED = types('int2 int4 int8 numeric float4 float8 timestamp timestamptz')
/** Types whose values are not arrays: arrays within an array must have the same length. */
const SCALARS = new Set([
  ...TEXT_OR_BYTES,
  ...SUMMED,
  ...UNBOUNDED,
  ...TIMES,
  ...wordList('bool uuid money oid inet cidr macaddr macaddr8 json jsonb char bit varbit record xml'),
])
/** `to_jsonb` parses values of type json, and jsonb does not allow all of them. */
const NOT_JSON_TEXT = new Set([...SCALARS].filter((type) => type !== 'json'))

/*
 * NULLIF makes a masked value NULL for one guess. A call that fails for every value but NULL reveals as much as one that fails for one
 * value; so the other arguments beside a masked value must be ones that the function always accepts.
 */
const alone = (index: number, args: readonly Expression[]): boolean => index === 0 && args.length === 1
const besideLiterals = (index: number, args: readonly Expression[]): boolean =>
  index === 0 && args.slice(1).every((arg) => isLiteral(arg))
/** A number with at most this many digits. */
const isNumber = (node: Expression | undefined, pattern: RegExp): boolean =>
  node?.kind === 'constant' && node.type === 'integer' && pattern.test(node.value)
const PLACE = /^-?\d{1,6}$/
const COUNT = /^\d{1,6}$/
const byPlace = (index: number, args: readonly Expression[]): boolean =>
  index === 0 && args.length === 2 && isNumber(args[1], PLACE)
const byLength = (index: number, args: readonly Expression[]): boolean =>
  index === 0 && isNumber(args[1], COUNT) && args.slice(2).every((fill) => isLiteral(fill))
const byField = (index: number, args: readonly Expression[]): boolean =>
  index === 0 && isLiteral(args[1]) && isNumber(args[2], /^-?[1-9]\d{0,5}$/)
/** The offset of the row, and the default for a missing one. */
const byRow = (index: number, args: readonly Expression[]): boolean =>
  index === 0 &&
  (args[1] === undefined || isNumber(args[1], /^\d{1,9}$/)) &&
  (args[2] === undefined || isLiteral(args[2]))
const byDigits = (index: number, args: readonly Expression[]): boolean =>
  index === 0 && (args[1] === undefined || isNumber(args[1], PLACE))
const never = (): boolean => false
const byNth = (index: number, args: readonly Expression[]): boolean =>
  index === 0 && isNumber(args[1], /^[1-9]\d{0,8}$/)
/** For numbers only digits, for times the usual fields; other patterns may fail. */
const byFormat = (index: number, args: readonly Expression[], type: string | undefined): boolean => {
  const [, format] = args
  const known = type?.startsWith('timestamp') === true ? TIME_FORMAT : NUMBER_FORMAT
  return index === 0 && format?.kind === 'constant' && isLiteral(format) && known.test(format.value)
}
const NUMBER_FORMAT = /^(?:FM)?[09,]*[09](?:\.[09]+)?$/
/** Each field in one way alone (YYYY is YY twice): else the readings of a text of many of them are tried one after the other. */
const TIME_FORMAT = /^(?:YY|MM|DD|HH24|HH12|HH|MI|SS|MS|US|Month|Mon|Day|Dy|[ :./,T-])+$/i
/** The value of a key may be anything; a null key is an error. */
const values = (index: number, args: readonly Expression[]): boolean =>
  index % 2 === 1 && args.every((key, at) => at % 2 === 1 || isLiteral(key))
/** With a text as second argument it is a pattern search, whose duration depends on the text searched. */
const byPlaces = (index: number, args: readonly Expression[]): boolean =>
  index === 0 && isNumber(args[1], PLACE) && (args[2] === undefined || isNumber(args[2], COUNT))
/** Each occurrence is replaced: the replacement must be short, or the length of the result reveals their number. */
const byLiterals = (index: number, args: readonly Expression[]): boolean =>
  args.every((arg, at) => at === index || isLiteral(arg))
/** Others grow without bound, and the length of the result would reveal values. */
const besideBounded = (index: number, args: readonly Expression[]): boolean =>
  args.every((arg, at) => at === index || isBounded(arg, BOUNDS))

/** They fail for what does not exist, so they are not total; what they give is shown by pg_size_pretty. */
const SIZES = types(
  'pg_relation_size pg_table_size pg_total_relation_size pg_indexes_size pg_database_size pg_tablespace_size',
)
const bySize = (index: number, args: readonly Expression[], type: string | undefined): boolean =>
  alone(index, args) && (type === 'int8' || args.every(isSize))
/** A size that a function of the server gives, or a sum of such. */
const isSize = (node: Expression): boolean => {
  if (node.kind === 'constant') return node.type === 'integer'
  if (node.kind === 'call') return SIZES.has(node.name.name) || (node.name.name === 'sum' && node.args.every(isSize))
  if (node.kind !== 'case') return false
  return [...node.branches.map(({ gives }) => gives), node.otherwise].every(
    (part) => part === undefined || isSize(part),
  )
}

const TOTAL: ReadonlyMap<string, Total> = new Map<string, Total>([
  ...each('upper lower initcap reverse translate btrim ltrim rtrim quote_ident', { of: TEXT, gives: 'text' }),
  ...each('left right', { of: TEXT, at: byPlace, gives: 'text' }),
  ...each('split_part', { of: TEXT, at: byField, gives: 'text' }),
  ...each('lpad rpad', { of: TEXT, at: byLength, gives: 'text' }),
  ...each('substr substring', { of: TEXT, at: byPlaces, gives: 'text' }),
  ...each('replace', { of: TEXT, at: byLiterals, gives: 'text' }),
  ...each('length octet_length bit_length', { of: TEXT_OR_BYTES, at: alone, gives: 'int4' }),
  ...each('char_length character_length ascii hashtext strpos position', { of: TEXT, gives: 'int4' }),
  // A numeric may be NaN, which has no text as a size.
  ...each('pg_size_pretty', { of: 'any', at: bySize, gives: 'text' }),
  ...each('starts_with', { of: TEXT, gives: 'bool' }),
  ...each('string_to_array', { of: TEXT, at: besideLiterals }),
  ...each('md5', { of: TEXT_OR_BYTES, gives: 'text' }),
  ...each('sha256 sha512', { of: types('bytea'), gives: 'bytea' }),
  ...each('quote_literal quote_nullable text', { of: 'any', at: alone, gives: 'text' }),
  ...each('concat concat_ws', { of: 'any', at: besideBounded, gives: 'text' }),
  ...each('string_agg', { of: TEXT_OR_BYTES, at: besideBounded, gives: 'text' }),
  ...each('to_json row_to_json array_to_json json_build_array json_agg', { of: 'any', gives: 'json' }),
  ...each('to_jsonb jsonb_build_array jsonb_agg', { of: NOT_JSON_TEXT, gives: 'jsonb' }),
  ...each('json_build_object', { of: 'any', at: values, gives: 'json' }),
  ...each('jsonb_build_object', { of: NOT_JSON_TEXT, at: values, gives: 'jsonb' }),
  ...each('jsonb_pretty json_typeof jsonb_typeof', { of: 'any', gives: 'text' }),
  ...each('array_to_string array_length', { of: 'any', at: besideLiterals }),
  ...each('count', { of: 'any', gives: 'int8' }),
  ...each('cardinality num_nulls num_nonnulls pg_column_size', { of: 'any', gives: 'int4' }),
  ...each('pg_typeof', { of: 'any' }),
  ...each('array_agg', { of: SCALARS }),
  ...each('min max', { of: COMPARABLE }),
  ...each('any_value first_value last_value', { of: 'any' }),
  ...each('lag lead', { of: 'any', at: byRow }),
  ...each('nth_value', { of: 'any', at: byNth }),
  ...each('bool_and bool_or every', { of: 'any', gives: 'bool' }),
  ...each('mode', { of: 'any' }),
  // A fraction outside 0 to 1 is an error.
  ...each('percentile_disc', { of: 'any', at: never }),
  ...each('sum avg', { of: SUMMED }),
  ...each('abs sign floor ceil ceiling', { of: UNBOUNDED }),
  ...each('round trunc', { of: UNBOUNDED, at: byDigits }),
  ...each('to_char', { of: FORMATTED, at: byFormat, gives: 'text' }),
])

function each(names: string, total: Total): [string, Total][] {
  return wordList(names).map((name) => [name, total])
}

/** Whether the argument at this position may be a masked value of this type without revealing anything. */
function mayTake({ name, args }: Call, index: number, type: string | undefined): boolean {
  const total = TOTAL.get(name.name)
  if (total === undefined || total.at?.(index, args, type) === false) return false
  return total.of === 'any' || (type !== undefined && total.of.has(type))
}

/** The aggregate is computed over the values that WITHIN GROUP sorts. */
const maySort = ({ name }: Call): boolean => ORDERED_SETS.has(name.name)
const ORDERED_SETS = types('mode percentile_disc')

const typeGiven = ({ name }: Call): string | undefined =>
  TOTAL.get(name.name)?.gives ?? (SIZES.has(name.name) ? 'int8' : undefined)

/** Whether a call succeeds for all values of its arguments; where their types are unknown, for texts. */
function neverFails({ name, args }: Call, typeOf: TypeOf | undefined): boolean {
  const total = TOTAL.get(name.name)
  if (total === undefined) return false
  return args.every((arg, index) => {
    const type = typeOf === undefined ? 'text' : typeOf(arg)
    if (isLiteral(arg)) return true
    return total.at?.(index, args, type) !== false && (total.of === 'any' || (type !== undefined && total.of.has(type)))
  })
}

/** Whether one operand of this operator may be a masked value of this type. */
function operatorMayTake(name: string, right: boolean, type: string | undefined, other: Expression): boolean {
  // Comparisons of two operands are judged in meetings.ts.
  if (COMPARISONS.has(name)) return true
  // A JSON string need not be a valid text.
  if (FINDERS.has(name)) return !right && type === 'jsonb' && isLiteral(other)
  // A pattern that ends with a backslash is an error.
  if (MATCHERS.has(name)) return !right && type !== undefined && TEXT.has(type) && isPattern(other)
  return name === '||' && type !== undefined && TEXT_OR_BYTES.has(type) && isBounded(other, BOUNDS)
}

function operatorNeverFails(name: string, args: readonly Expression[], typeOf: TypeOf): boolean {
  if (COMPARISONS.has(name)) return true
  const [left, right] = args
  const type = left && typeOf(left)
  if (FINDERS.has(name)) return type === 'jsonb' && isLiteral(right)
  if (MATCHERS.has(name)) return type !== undefined && TEXT.has(type) && right !== undefined && isPattern(right)
  return name === '||' && args.some((arg) => TEXT.has(typeOf(arg) ?? '')) && args.every((arg) => isBounded(arg, BOUNDS))
}

/** A valid pattern, or one that does not depend on the row. */
const isPattern = (node: Expression): boolean =>
  node.kind === 'parameter' || (node.kind === 'constant' && !node.value.endsWith('\\'))

const SHRINKS =
  types(`upper lower initcap reverse translate btrim ltrim rtrim left right split_part substr substring length concat concat_ws
  to_char to_json to_jsonb min max any_value count sum avg array_to_string now nullif`)
const BOUNDS: Bounds = { shrinks: SHRINKS, hasCollections: true }

/** Casts that never fail: those to text. */
const isTextType = ({ schema, name, array }: TypeName): boolean =>
  (schema === undefined || schema === 'pg_catalog') && !array && TEXT_TYPES.has(name)
const TEXT_TYPES = types('text varchar bpchar name unknown')

/** Whether the elements of an array may come from a masked value of this type. */
const isScalar = (type: string | undefined): boolean => type !== undefined && SCALARS.has(type)

const COUNTS = types('count bool_and bool_or every')
const ORDER_FREE_SCALARS = types('lower upper length')
const KEEPS_VALUE = types('min max any_value first_value last_value')

export const totals: Totals = {
  mayTake,
  maySort,
  typeGiven,
  neverFails,
  // Only a boolean is accepted where a condition is expected.
  mayDecide: () => true,
  operatorMayTake,
  operatorNeverFails,
  // The argument is converted to the type, or the call fails.
  equalsOne: () => true,
  appends: (name) => name === '||',
  keepsValue: ({ name }) => KEEPS_VALUE.has(name.name),
  isOrderFree: ({ name }) =>
    COUNTS.has(name.name) ? 'aggregate' : ORDER_FREE_SCALARS.has(name.name) ? 'scalar' : undefined,
  isTextType,
  isScalar,
}
