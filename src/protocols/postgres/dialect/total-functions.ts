import { wordList } from '../../../shared/word-list.ts'
import { isBounded, isLiteral, type Bounds } from '../../../sql/bounded.ts'
import type { Totals, TypeOf } from '../../../sql/dialect.ts'
import type { Call, Expression, TypeName } from '../../../sql/query.ts'
import { COMPARABLE, COMPARISONS, FINDERS, MATCHERS } from './meetings.ts'

/**
 * What cannot fail, wait, or give more or fewer rows because of the values it is given: what is made of a masked value by
 * these is masked, and tells nothing else. Whatever is not here tells by an error, by its rows or by its time. A function that
 * is total for some types only is here for these; what is not known to be of them counts as none.
 */
interface Total {
  /** Types of what it may take; `any`: whatever it is. */
  readonly of: ReadonlySet<string> | 'any'
  /** Positions of the arguments that it may take so; undefined: all. */
  readonly at?: (index: number, args: readonly Expression[], type: string | undefined) => boolean
  /** The type of its value, where that is certain. */
  readonly gives?: string
}

const types = (text: string): ReadonlySet<string> => new Set(wordList(text))
const TEXT = types('text varchar bpchar')
const TEXT_OR_BYTES = types('text varchar bpchar bytea')
/** Of money and interval sums run over, of the smallest integer there is no absolute value. */
const EXACT = types('int2 int4 int8 numeric float4 float8')
const UNBOUNDED = types('numeric float4 float8')
const TIMES = types('date time timetz timestamp timestamptz interval')
/** A date becomes a timestamp first, and no part of an interval is a day of the week. */
const FORMATTED = types('int2 int4 int8 numeric float4 float8 timestamp timestamptz')
/** Types whose values are no arrays: arrays within arrays must be of one length. */
const SCALARS = new Set([
  ...TEXT_OR_BYTES,
  ...EXACT,
  ...TIMES,
  ...wordList('bool uuid money oid inet cidr macaddr macaddr8 json jsonb char bit varbit record xml'),
])
/** `to_jsonb` parses what is JSON text already, and not all of that is allowed in jsonb. */
const NOT_JSON_TEXT = new Set([...SCALARS].filter((type) => type !== 'json'))

/*
 * Masked values may be NULL for one guess alone: NULLIF makes them so. What fails for every value but NULL tells as much as what fails for one,
 * so what stands beside a masked value is one that the function always takes.
 */
const alone = (index: number, args: readonly Expression[]): boolean => index === 0 && args.length === 1
const besideLiterals = (index: number, args: readonly Expression[]): boolean =>
  index === 0 && args.slice(1).every((arg) => isLiteral(arg))
/** A number of so many digits at most. */
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
/** From which row, and what stands for one that is not there. */
const byRow = (index: number, args: readonly Expression[]): boolean =>
  index === 0 &&
  (args[1] === undefined || isNumber(args[1], /^\d{1,9}$/)) &&
  (args[2] === undefined || isLiteral(args[2]))
const byDigits = (index: number, args: readonly Expression[]): boolean =>
  index === 0 && (args[1] === undefined || isNumber(args[1], PLACE))
const never = (): boolean => false
const byNth = (index: number, args: readonly Expression[]): boolean =>
  index === 0 && isNumber(args[1], /^[1-9]\d{0,8}$/)
/** Of numbers digits alone, of times the usual parts; what else there is may fail. */
const byFormat = (index: number, args: readonly Expression[], type: string | undefined): boolean => {
  const [, format] = args
  const known = type?.startsWith('timestamp') === true ? TIME_FORMAT : NUMBER_FORMAT
  return index === 0 && format?.kind === 'constant' && isLiteral(format) && known.test(format.value)
}
const NUMBER_FORMAT = /^(?:FM)?[09,]*[09](?:\.[09]+)?$/
const TIME_FORMAT = /^(?:YYYY|YY|MM|DD|HH24|HH12|HH|MI|SS|MS|US|Month|Mon|Day|Dy|[ :./,T-])+$/i
/** The value of one key may be anything; a key that is null fails. */
const values = (index: number, args: readonly Expression[]): boolean =>
  index % 2 === 1 && args.every((key, at) => at % 2 === 1 || isLiteral(key))
/** With a text as its second argument it is a search for a pattern, which takes time by what it searches. */
const byPlaces = (index: number, args: readonly Expression[]): boolean =>
  index === 0 && isNumber(args[1], PLACE) && (args[2] === undefined || isNumber(args[2], COUNT))
/** Each occurrence is replaced: what is put in must be short, or the length of all of it tells how many there were. */
const byLiterals = (index: number, args: readonly Expression[]): boolean =>
  args.every((arg, at) => at === index || isLiteral(arg))
/** Others that grow without bound would make the length of all of it tell. */
const besideBounded = (index: number, args: readonly Expression[]): boolean =>
  args.every((arg, at) => at === index || isBounded(arg, BOUNDS))

const TOTAL: ReadonlyMap<string, Total> = new Map<string, Total>([
  ...each('upper lower initcap reverse translate btrim ltrim rtrim quote_ident', { of: TEXT, gives: 'text' }),
  ...each('left right', { of: TEXT, at: byPlace, gives: 'text' }),
  ...each('split_part', { of: TEXT, at: byField, gives: 'text' }),
  ...each('lpad rpad', { of: TEXT, at: byLength, gives: 'text' }),
  ...each('substr substring', { of: TEXT, at: byPlaces, gives: 'text' }),
  ...each('replace', { of: TEXT, at: byLiterals, gives: 'text' }),
  ...each('length octet_length bit_length', { of: TEXT_OR_BYTES, at: alone, gives: 'int4' }),
  ...each('char_length character_length ascii hashtext strpos position', { of: TEXT, gives: 'int4' }),
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
  // A fraction that is not between 0 and 1 fails.
  ...each('percentile_disc', { of: 'any', at: never }),
  ...each('sum avg', { of: EXACT }),
  ...each('abs sign floor ceil ceiling', { of: UNBOUNDED }),
  ...each('round trunc', { of: UNBOUNDED, at: byDigits }),
  ...each('to_char', { of: FORMATTED, at: byFormat, gives: 'text' }),
])

function each(names: string, total: Total): [string, Total][] {
  return wordList(names).map((name) => [name, total])
}

/** Whether the argument at this place may be a masked value of this type, and nothing is told. */
function mayTake({ name, args }: Call, index: number, type: string | undefined): boolean {
  const total = TOTAL.get(name.name)
  if (total === undefined || total.at?.(index, args, type) === false) return false
  return total.of === 'any' || (type !== undefined && total.of.has(type))
}

/** What WITHIN GROUP sorts is what the aggregate works on. */
const maySort = ({ name }: Call): boolean => ORDERED_SETS.has(name.name)
const ORDERED_SETS = types('mode percentile_disc')

const typeGiven = ({ name }: Call): string | undefined => TOTAL.get(name.name)?.gives

/** Whether a call gives a value for any values of its arguments; where nobody knows their types, for texts. */
function neverFails({ name, args }: Call, typeOf: TypeOf | undefined): boolean {
  const total = TOTAL.get(name.name)
  if (total === undefined) return false
  return args.every((arg, index) => {
    const type = typeOf === undefined ? 'text' : typeOf(arg)
    if (isLiteral(arg)) return true
    return total.at?.(index, args, type) !== false && (total.of === 'any' || (type !== undefined && total.of.has(type)))
  })
}

/** Whether an operator may be given a masked value of this type on one side. */
function operatorMayTake(name: string, right: boolean, type: string | undefined, other: Expression): boolean {
  // What is compared with what is looked at where they meet.
  if (COMPARISONS.has(name)) return true
  // What JSON spells as text need not be one.
  if (FINDERS.has(name)) return !right && type === 'jsonb' && isLiteral(other)
  // A pattern that ends with a backslash fails.
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

/** A pattern that is valid, or one that does not depend on the row. */
const isPattern = (node: Expression): boolean =>
  node.kind === 'parameter' || (node.kind === 'constant' && !node.value.endsWith('\\'))

const SHRINKS =
  types(`upper lower initcap reverse translate btrim ltrim rtrim left right split_part substr substring length concat concat_ws
  to_char to_json to_jsonb min max any_value count sum avg array_to_string now nullif`)
const BOUNDS: Bounds = { shrinks: SHRINKS, hasCollections: true }

/** Casts that no value makes fail: to text. */
const isTextType = ({ schema, name, array }: TypeName): boolean =>
  (schema === undefined || schema === 'pg_catalog') && !array && TEXT_TYPES.has(name)
const TEXT_TYPES = types('text varchar bpchar name unknown')

/** Whether the elements of an array may be made of a masked value of this type. */
const isScalar = (type: string | undefined): boolean => type !== undefined && SCALARS.has(type)

const COUNTS = types('count bool_and bool_or every')
const ORDER_FREE_SCALARS = types('lower upper length')
const KEEPS_VALUE = types('min max any_value first_value last_value')

export const totals: Totals = {
  mayTake,
  maySort,
  typeGiven,
  neverFails,
  // Nothing but a boolean may stand where one is asked for.
  mayDecide: () => true,
  operatorMayTake,
  operatorNeverFails,
  // What is given becomes a value of the type, or fails.
  equalsOne: () => true,
  appends: (name) => name === '||',
  keepsValue: ({ name }) => KEEPS_VALUE.has(name.name),
  isOrderFree: ({ name }) =>
    COUNTS.has(name.name) ? 'aggregate' : ORDER_FREE_SCALARS.has(name.name) ? 'scalar' : undefined,
  isTextType,
  isScalar,
}
