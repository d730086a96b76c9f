import { wordList } from '../../../shared/word-list.ts'
import { isBounded, isLiteral, type Bounds } from '../../../sql/bounded.ts'
import type { Totals } from '../../../sql/dialect.ts'
import type { Call, Expression, TypeName } from '../../../sql/query.ts'

/**
 * What cannot fail, wait, or give more or fewer rows because of the values it is given: what is made of a masked value by
 * these is masked, and tells nothing else. Whatever is not here tells by an error, by its rows or by its time. A function that
 * is total for some types only is here for these; what is not known to be of them counts as none.
 */
interface Total {
  /** Types of what it may take; `any`: whatever it is. */
  readonly of: ReadonlySet<string> | 'any'
  /** Positions of the arguments that it may take so; undefined: all. */
  readonly at?: (index: number, args: readonly Expression[]) => boolean
  /** The type of its value, where that is certain. */
  readonly gives?: string
}

const types = (text: string): ReadonlySet<string> => new Set(wordList(text))
const TEXT = types('text varchar bpchar name')
const TEXT_OR_BYTES = types('text varchar bpchar name bytea')
/** Of money and interval sums run over, of the smallest integer there is no absolute value. */
const EXACT = types('int2 int4 int8 numeric float4 float8')
const UNBOUNDED = types('numeric float4 float8')
const TIMES = types('date time timetz timestamp timestamptz interval')
/** Types whose values are no arrays: arrays within arrays must be of one length. */
const SCALARS = new Set([
  ...TEXT_OR_BYTES,
  ...EXACT,
  ...TIMES,
  ...wordList('bool uuid money oid inet cidr macaddr macaddr8 json jsonb char bit varbit record xml'),
])
/** `to_jsonb` parses what is JSON text already, and not all of that is allowed in jsonb. */
const NOT_JSON_TEXT = new Set([...SCALARS].filter((type) => type !== 'json'))

const first = (index: number): boolean => index === 0
/** The value of one key may be anything; a key that is null fails. */
const values = (index: number, args: readonly Expression[]): boolean =>
  index % 2 === 1 && args.every((key, at) => at % 2 === 1 || isLiteral(key))
/** With a text as its second argument it is a search for a pattern, which takes time by what it searches. */
const byPlaces = (index: number, args: readonly Expression[]): boolean =>
  index === 0 && args.slice(1).every((place) => place.kind === 'constant' && place.type === 'integer')
/** Each occurrence is replaced: what is put in must be short, or the length of all of it tells how many there were. */
const byLiterals = (index: number, args: readonly Expression[]): boolean =>
  args.every((arg, at) => at === index || isLiteral(arg))
/** Others that grow without bound would make the length of all of it tell. */
const besideBounded = (index: number, args: readonly Expression[]): boolean =>
  args.every((arg, at) => at === index || isBounded(arg, BOUNDS))

const TOTAL: ReadonlyMap<string, Total> = new Map<string, Total>([
  ...each('upper lower initcap reverse translate btrim ltrim rtrim quote_ident', { of: TEXT, gives: 'text' }),
  ...each('left right split_part lpad rpad substr', { of: TEXT, at: first, gives: 'text' }),
  ...each('substring', { of: TEXT, at: byPlaces, gives: 'text' }),
  ...each('replace', { of: TEXT, at: byLiterals, gives: 'text' }),
  ...each('length octet_length bit_length', { of: TEXT_OR_BYTES, at: first, gives: 'int4' }),
  ...each('char_length character_length ascii hashtext strpos position', { of: TEXT, gives: 'int4' }),
  ...each('starts_with', { of: TEXT, gives: 'bool' }),
  ...each('string_to_array', { of: TEXT, at: first }),
  ...each('md5', { of: TEXT_OR_BYTES, gives: 'text' }),
  ...each('sha256 sha512', { of: types('bytea'), gives: 'bytea' }),
  ...each('quote_literal quote_nullable text', { of: 'any', at: first, gives: 'text' }),
  ...each('concat concat_ws', { of: 'any', at: besideBounded, gives: 'text' }),
  ...each('string_agg', { of: TEXT_OR_BYTES, at: besideBounded, gives: 'text' }),
  ...each('to_json row_to_json array_to_json json_build_array json_agg', { of: 'any', gives: 'json' }),
  ...each('to_jsonb jsonb_build_array jsonb_agg', { of: NOT_JSON_TEXT, gives: 'jsonb' }),
  ...each('json_build_object', { of: 'any', at: values, gives: 'json' }),
  ...each('jsonb_build_object', { of: NOT_JSON_TEXT, at: values, gives: 'jsonb' }),
  ...each('jsonb_pretty json_typeof jsonb_typeof', { of: 'any', gives: 'text' }),
  ...each('array_to_string array_length', { of: 'any', at: first }),
  ...each('cardinality num_nulls num_nonnulls pg_typeof pg_column_size count', { of: 'any' }),
  ...each('array_agg', { of: SCALARS }),
  ...each('min max any_value first_value last_value', { of: 'any' }),
  ...each('lag lead nth_value', { of: 'any', at: first }),
  ...each('bool_and bool_or every', { of: 'any', gives: 'bool' }),
  ...each('mode percentile_disc', { of: 'any' }),
  ...each('sum avg', { of: EXACT, gives: 'numeric' }),
  ...each('abs sign floor ceil ceiling', { of: UNBOUNDED, gives: 'numeric' }),
  ...each('round trunc', { of: UNBOUNDED, at: first, gives: 'numeric' }),
  ...each('to_char', { of: new Set([...EXACT, ...TIMES]), at: first, gives: 'text' }),
])

function each(names: string, total: Total): [string, Total][] {
  return wordList(names).map((name) => [name, total])
}

/** Whether the argument at this place may be a masked value of this type, and nothing is told. */
function mayTake({ name, args }: Call, index: number, type: string | undefined): boolean {
  const total = TOTAL.get(name.name)
  if (total === undefined || total.at?.(index, args) === false) return false
  return total.of === 'any' || (type !== undefined && total.of.has(type))
}

/** What WITHIN GROUP sorts is what the aggregate works on. */
const maySort = ({ name }: Call): boolean => ORDERED_SETS.has(name.name)
const ORDERED_SETS = types('mode percentile_disc')

const typeGiven = ({ name }: Call): string | undefined => TOTAL.get(name.name)?.gives

/** Whether a call gives a value for any values of its arguments, whose types are not known. */
function neverFails({ name, args }: Call): boolean {
  const total = TOTAL.get(name.name)
  if (total === undefined || !args.every((_, index) => total.at?.(index, args) !== false || isLiteral(args[index])))
    return false
  return total.of === 'any' || total.of === TEXT || total.of === TEXT_OR_BYTES
}

const COMPARES = types('= <> != < > <= >=')
const FINDS = types('-> ->>')
const MATCHES = types('~~ !~~ ~~* !~~*')

/** Whether an operator may be given a masked value of this type on one side. */
function operatorMayTake(name: string, right: boolean, type: string | undefined, other: Expression): boolean {
  if (COMPARES.has(name) || FINDS.has(name)) return true
  // A pattern that ends with a backslash fails.
  if (MATCHES.has(name)) return !right && isPattern(other)
  return name === '||' && type !== undefined && TEXT_OR_BYTES.has(type) && isBounded(other, BOUNDS)
}

function operatorNeverFails(name: string, args: readonly Expression[]): boolean {
  if (COMPARES.has(name) || FINDS.has(name)) return true
  const [, right] = args
  if (MATCHES.has(name)) return right !== undefined && isPattern(right)
  return name === '||' && args.some(isText) && args.every((arg) => isBounded(arg, BOUNDS))
}

/** A pattern that is valid, or one that does not depend on the row. */
const isPattern = (node: Expression): boolean =>
  node.kind === 'parameter' || (node.kind === 'constant' && !node.value.endsWith('\\'))

/** Text and no array, whatever the columns are. */
const isText = (node: Expression): boolean =>
  (node.kind === 'cast' && isTextType(node.to)) ||
  (node.kind === 'call' && TOTAL.get(node.name.name)?.gives === 'text') ||
  (node.kind === 'operation' && node.operators[0]?.name === '||' && node.args.some(isText))

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
