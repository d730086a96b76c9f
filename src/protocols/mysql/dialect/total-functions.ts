import { wordList } from '../../../shared/word-list.ts'
import { isBounded, isLiteral, MAX_LITERAL_LENGTH, type Bounds } from '../../../sql/bounded.ts'
import type { Totals } from '../../../sql/dialect.ts'
import type { Call, Expression, TypeName } from '../../../sql/query.ts'
import type { ServerVersion } from '../wire/server-version.ts'
import { nativeFunctions } from './native-functions.ts'

/**
 * Functions and operators that cannot fail, warn, wait, or change the number of rows because of the values that they get: their results
 * from masked values are masked, and they reveal nothing else. The number of warnings is sent with every result, so a warning reveals as
 * much as an error elsewhere. Everything that is not listed reveals something. A function that is total only for some types is listed for
 * these; a value of unknown type does not count as one of them.
 */
interface Total {
  /** Types of its arguments; `text`: everything that can be converted to text, which is every value. */
  readonly of: ReadonlySet<string> | 'text'
  /** Which of the arguments may be such values; undefined: all. */
  readonly at?: (index: number, args: readonly Expression[]) => boolean
  /** The type of its value, if that is certain. */
  readonly gives?: string
}

const types = (text: string): ReadonlySet<string> => new Set(wordList(text))
/** Names of types as in information_schema.COLUMNS, DATA_TYPE. */
export const TEXTS = types(
  'char varchar tinytext text mediumtext longtext enum set binary varbinary tinyblob blob mediumblob longblob',
)
const INTEGERS = types('tinyint smallint mediumint int bigint year')
/** A sum of these has a type that is large enough for any number of rows. */
const SUMMED = new Set([...INTEGERS, 'decimal'])
const NUMBERS = types('tinyint smallint mediumint int bigint year decimal float double')
const DATES = types('date datetime timestamp')
const TIMES = types('time datetime timestamp')

const first = (index: number): boolean => index === 0
/** The value of a key may be anything; a NULL key is an error. */
const values = (index: number, args: readonly Expression[]): boolean =>
  index % 2 === 1 && args.every((key, at) => at % 2 === 1 || isLiteral(key))
const byPlaces = (index: number, args: readonly Expression[]): boolean =>
  index === 0 &&
  args.slice(1).every((place) => place.kind === 'constant' && place.type === 'integer' && isSmall(place.value))
/**
 * A value longer than max_allowed_packet becomes NULL with a warning: together with other values of unlimited length, this would reveal the
 * length.
 */
const besideBounded = (index: number, args: readonly Expression[]): boolean =>
  args.every((arg, at) => at === index || isBounded(arg, BOUNDS))
/** The replacement is not longer than each occurrence, or the total length would reveal the number of occurrences. */
const byShorter = (index: number, args: readonly Expression[]): boolean => {
  const [, from, to] = args
  return (
    index === 0 &&
    from?.kind === 'constant' &&
    to?.kind === 'constant' &&
    Buffer.byteLength(to.value) <= Buffer.byteLength(from.value)
  )
}
const besideLiterals = (index: number, args: readonly Expression[]): boolean =>
  args.every((arg, at) => at === index || isLiteral(arg))
const firstBesideText = (index: number, args: readonly Expression[]): boolean =>
  index === 0 && args.slice(1).every((arg) => arg.kind === 'constant' && arg.type === 'text')
const firstOfOne = (index: number, args: readonly Expression[]): boolean => index === 0 && args.length === 1

const TOTAL: ReadonlyMap<string, Total> = new Map<string, Total>([
  ...each('lower lcase upper ucase reverse ltrim rtrim quote', { of: 'text', gives: 'varchar' }),
  ...each('trim', { of: 'text', at: firstOfOne, gives: 'varchar' }),
  ...each('left right substr substring mid', { of: 'text', at: byPlaces, gives: 'varchar' }),
  ...each('substring_index lpad rpad', { of: 'text', at: firstBesideSmall, gives: 'varchar' }),
  ...each('replace', { of: 'text', at: byShorter, gives: 'varchar' }),
  ...each('length octet_length char_length character_length bit_length ascii ord crc32', { of: 'text', gives: 'int' }),
  ...each('instr strcmp', { of: 'text', at: besideLiterals, gives: 'int' }),
  ...each('locate position', {
    of: 'text',
    at: (index, args) => index === 1 && args.length === 2 && isLiteral(args[0]),
    gives: 'int',
  }),
  ...each('find_in_set', { of: 'text', at: besideLiterals, gives: 'int' }),
  ...each('field', { of: TEXTS, at: firstBesideText, gives: 'int' }),
  ...each('hex md5 sha sha1 to_base64', { of: 'text', gives: 'varchar' }),
  ...each('sha2', { of: 'text', at: byPlaces, gives: 'varchar' }),
  ...each('concat concat_ws', { of: 'text', at: besideBounded, gives: 'varchar' }),
  ...each('json_quote', { of: TEXTS, gives: 'varchar' }),
  ...each('isnull', { of: 'text', gives: 'int' }),
  ...each('count', { of: 'text', gives: 'bigint' }),
  ...each('min max any_value first_value last_value', { of: 'text' }),
  ...each('lag lead nth_value', { of: 'text', at: first }),
  ...each('sum avg', { of: SUMMED, gives: 'decimal' }),
  ...each('floor ceil ceiling sign', { of: types('decimal') }),
  ...each('round truncate', { of: types('decimal'), at: byPlaces, gives: 'decimal' }),
  ...each('year month day dayofmonth quarter date', { of: DATES, gives: 'int' }),
  ...each('hour minute second microsecond', { of: TIMES, gives: 'int' }),
])

/** Whether a constant is in the range of numbers of bytes, positions or digits. */
function isSmall(value: string): boolean {
  return /^-?\d{1,4}$/.test(value)
}

/** The first of three arguments, with a small number where one is expected, and a text. */
function firstBesideSmall(index: number, args: readonly Expression[]): boolean {
  return (
    index === 0 &&
    args.length === 3 &&
    args
      .slice(1)
      .every((arg) => arg.kind === 'constant' && (arg.type === 'integer' ? isSmall(arg.value) : arg.type === 'text'))
  )
}

function each(names: string, total: Total): [string, Total][] {
  return wordList(names).map((name) => [name, total])
}

/** Functions that convert their values to JSON; in MariaDB JSON is a text. */
const MYSQL_ONLY: ReadonlyMap<string, Total> = new Map<string, Total>([
  ...each('json_array', { of: new Set([...TEXTS, ...NUMBERS, ...DATES, 'json', 'time']), gives: 'json' }),
  ...each('json_object', { of: new Set([...TEXTS, ...NUMBERS, ...DATES, 'json', 'time']), at: values, gives: 'json' }),
  // GROUP_CONCAT and MariaDB's JSON_ARRAYAGG truncate values beyond a limit, with a warning.
  ...each('json_arrayagg', { of: new Set([...TEXTS, ...NUMBERS, ...DATES, 'json', 'time']), gives: 'json' }),
  ...each('json_type json_pretty json_keys json_length json_depth', { of: types('json'), at: firstOfOne }),
])

/** Whether the argument at this position may be a masked value of this type, without revealing anything. */
function mayTake(total: Total | undefined, { args }: Call, index: number, type: string | undefined): boolean {
  if (total === undefined || total.at?.(index, args) === false) return false
  return total.of === 'text' || (type !== undefined && total.of.has(type))
}

function neverFails(total: Total | undefined, { args }: Call): boolean {
  if (total === undefined || total.of !== 'text') return false
  return args.every((arg, index) => total.at?.(index, args) !== false || isLiteral(arg))
}

const COMPARES = types('= <=> <> != < > <= >=')
const LIKES = new Set(['like', 'not like'])
const FINDS = types('-> ->>')

/** Whether one operand of an operator may be a masked value of this type. */
function operatorMayTake(name: string, isRight: boolean, type: string | undefined, other: Expression): boolean {
  if (COMPARES.has(name))
    return type !== undefined && (TEXTS.has(type) ? isTextual(other) : NUMBERS.has(type) || DATES.has(type))
  if (LIKES.has(name)) return !isRight && isPattern(other)
  if (FINDS.has(name)) return !isRight && type === 'json' && isLiteral(other)
  return name === '||' && isBounded(other, BOUNDS)
}

function operatorNeverFails(
  name: string,
  args: readonly Expression[],
  typeOf: (arg: Expression) => string | undefined,
): boolean {
  const [left, right] = args
  if (left === undefined || right === undefined) return false
  if (COMPARES.has(name)) return areAlike(args, typeOf)
  if (LIKES.has(name)) return isPattern(right)
  return name === '||' && args.every((arg) => isBounded(arg, BOUNDS))
}

/**
 * Whether these can be compared without converting a value of a row to another kind: a text that is not a number causes a warning.
 * Constants are converted once, whatever rows there are.
 */
function areAlike(args: readonly Expression[], typeOf: (arg: Expression) => string | undefined): boolean {
  const kinds = new Set(args.map((arg) => kindOf(arg, typeOf(arg))))
  if (kinds.has(undefined)) return false
  kinds.delete('any')
  if (kinds.size <= 1) return true
  return kinds.size === 2 && kinds.has('given text') && (kinds.has('text') || kinds.has('time'))
}

type KindOfValue = 'text' | 'given text' | 'number' | 'time' | 'any'

function kindOf(node: Expression, type: string | undefined): KindOfValue | undefined {
  if (type !== undefined)
    return TEXTS.has(type) ? 'text' : NUMBERS.has(type) ? 'number' : MOMENTS.has(type) ? 'time' : undefined
  if (node.kind === 'parameter' || (node.kind === 'constant' && node.type === 'null')) return 'any'
  if (isNumeric(node)) return 'number'
  if (!isTextual(node)) return undefined
  return node.kind === 'constant' ? 'given text' : 'text'
}

const MOMENTS = new Set([...DATES, ...TIMES])

/** A pattern that does not depend on the row. */
const isPattern = (node: Expression): boolean =>
  node.kind === 'parameter' || (node.kind === 'constant' && node.value.length <= MAX_LITERAL_LENGTH)

/** Whether it certainly is a text: then a comparison does not convert the other text to a number. */
function isTextual(node: Expression): boolean {
  if (node.kind === 'constant') return node.type === 'text' || node.type === 'null'
  if (node.kind === 'collate') return isTextual(node.arg)
  if (node.kind === 'cast') return isTextType(node.to)
  return node.kind === 'call' && TOTAL.get(node.name.name)?.gives === 'varchar'
}

const isNumeric = (node: Expression): boolean =>
  node.kind === 'constant' && (node.type === 'integer' || node.type === 'number' || node.type === 'null')

const SHRINKS =
  types(`lower lcase upper ucase reverse trim ltrim rtrim left right substr substring mid substring_index length char_length
  concat concat_ws hex md5 sha sha1 sha2 crc32 min max any_value count sum avg now date_format ifnull`)
const BOUNDS: Bounds = { shrinks: SHRINKS, hasCollections: false }

/** Casts that cannot fail: to a text of unlimited length. A cast to a limited length truncates, with a warning. */
const isTextType = ({ schema, name, limited, array }: TypeName): boolean =>
  schema === undefined && !array && !limited && TEXT_CASTS.has(name)
const TEXT_CASTS = types('char nchar varchar binary')

/**
 * A text is compared with a number as the number that it begins with, so that `phone = 41` matches every text that begins with this number.
 */
function equalsOne(type: string | undefined, given: Expression): boolean | 'as-text' {
  if (type === undefined) return false
  if (!TEXTS.has(type)) return NUMBERS.has(type) || DATES.has(type) || type === 'time'
  if (given.kind === 'parameter') return 'as-text'
  return given.kind === 'constant' && ['text', 'bits', 'null'].includes(given.type)
}

/** Aggregates whose value does not depend on the order of rows. */
const ORDER_FREE_AGGREGATES = types('count sum avg min max bit_and bit_or bit_xor')
/** Functions whose value depends on other rows, on time, or on chance. */
const BY_ORDER =
  types(`rand uuid uuid_short sys_guid random_bytes sysdate sleep benchmark get_lock release_lock release_all_locks
  is_free_lock is_used_lock last_insert_id row_count found_rows nextval lastval setval load_file group_concat json_arrayagg json_objectagg
  any_value first_value last_value nth_value lag lead row_number rank dense_rank percent_rank cume_dist ntile median percentile_cont
  percentile_disc std stddev stddev_pop stddev_samp variance var_pop var_samp`)
const KEEPS_VALUE = types('min max any_value first_value last_value')

/** The total functions of a server of this version: a name that is not a built-in function may be that of a stored one. */
export function totalsOf(server: ServerVersion): Totals {
  const native = nativeFunctions(server)
  const totalOf = ({ name: { schema, name } }: Call): Total | undefined =>
    schema === undefined && native.has(name)
      ? (TOTAL.get(name) ?? (server.flavor === 'mysql' ? MYSQL_ONLY.get(name) : undefined))
      : undefined
  return {
    mayTake: (call, index, type) => mayTake(totalOf(call), call, index, type),
    maySort: () => false,
    typeGiven: (call) => totalOf(call)?.gives,
    neverFails: (call) => neverFails(totalOf(call), call),
    // A text would be converted to a number first.
    mayDecide: (type) => type !== undefined && NUMBERS.has(type),
    operatorMayTake,
    operatorNeverFails,
    equalsOne,
    appends: (name) => name === '||',
    keepsValue: (call) => totalOf(call) !== undefined && KEEPS_VALUE.has(call.name.name),
    isOrderFree: ({ name: { schema, name } }) => {
      if (schema !== undefined || !native.has(name) || BY_ORDER.has(name)) return undefined
      return ORDER_FREE_AGGREGATES.has(name) ? 'aggregate' : 'scalar'
    },
    isTextType,
    // There are no arrays.
    isScalar: () => false,
  }
}
