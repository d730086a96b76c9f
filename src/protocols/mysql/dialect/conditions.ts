import { withoutLast } from '../../../shared/without-last.ts'
import { isOptionalPattern } from '../../../sql/conditions/optional-pattern.ts'
import { like, ofNumber, ofText } from '../../../sql/conditions/text-values.ts'
import { wordList } from '../../../shared/word-list.ts'
import type { ConditionTerms } from '../../../sql/conditions/terms.ts'
import { ordered, UNKNOWN, type Value } from '../../../sql/conditions/values.ts'
import type { Call } from '../../../sql/query.ts'

const OPPOSITES: Readonly<Record<string, string>> = {
  '<>': '=',
  '!=': '=',
  '>=': '<',
  '<=': '>',
  'not like': 'like',
  'not regexp': 'regexp',
}

/** A value as a number: for a text the number that it begins with, or 0. */
function numberOf(value: Value): Value {
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value !== 'string') return value
  return Number(/^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)/i.exec(value)?.[1] ?? 0)
}

function cast(value: Value, type: string): Value {
  if (value === null || value === UNKNOWN) return value
  if (NUMBERS.has(type)) return numberOf(value)
  return TEXTS.has(type) ? String(numberIfBoolean(value)) : UNKNOWN
}
const NUMBERS = new Set(wordList('signed unsigned integer decimal double float real'))
const TEXTS = new Set(wordList('char nchar varchar binary'))
const numberIfBoolean = (value: Exclude<Value, null | symbol>): string | number =>
  typeof value === 'boolean' ? Number(value) : value

/** Texts are compared by an unknown collation, so only texts that are equal, or different, under every collation have a result. */
function compare(name: string, left: Value, right: Value): boolean | null | typeof UNKNOWN {
  if (name === '<=>' && (left === null || right === null))
    return left === UNKNOWN || right === UNKNOWN ? UNKNOWN : left === right
  if (left === null || right === null) return null
  if (left === UNKNOWN || right === UNKNOWN) return UNKNOWN
  const operator = SPELLINGS[name] ?? name
  if (typeof left === 'string' && typeof right === 'string') return ordered(operator, folded(left), folded(right))
  // A text is compared with a number as a number.
  const [one, other] = [numberOf(left), numberOf(right)]
  return typeof one === 'number' && typeof other === 'number' ? ordered(operator, one, other) : UNKNOWN
}

/** A text under the widest collations: without case, accents and trailing blanks. */
const folded = (text: string): string => withoutLast(text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase(), ' ')

/** Operators that other dialects do not have, or use for something else. */
const SPELLINGS: Readonly<Record<string, string>> = { '<=>': '=', '!=': '<>' }

const SELF = new Set(['=', '<=>', '<=', '>=', 'like', 'regexp'])
const NEVER = new Set(['<>', '!=', '<', '>', 'not like', 'not regexp'])

function operate(name: string, left: Value, right: Value, isSame: boolean): Value {
  if (isSame && SELF.has(name)) return true
  if (isSame && NEVER.has(name)) return false
  const compared = compare(name, left, right)
  if (compared !== UNKNOWN) return compared
  if (left === null || right === null) return null
  const make = ARITHMETIC[name]
  if (make !== undefined) {
    const [one, other] = [numberOf(left), numberOf(right)]
    return typeof one === 'number' && typeof other === 'number' ? make(one, other) : UNKNOWN
  }
  if (typeof right !== 'string') return UNKNOWN
  if (name === 'like' || name === 'not like') {
    const isLike = ALL_LIKE.test(right) ? true : typeof left === 'string' ? like(folded(left), folded(right)) : UNKNOWN
    return isLike === UNKNOWN ? UNKNOWN : isLike === (name === 'like')
  }
  if ((name === 'regexp' || name === 'not regexp') && matchesAnyText(right)) return name === 'regexp'
  return UNKNOWN
}

const ARITHMETIC: Readonly<Record<string, (left: number, right: number) => Value>> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
}

const ALL_LIKE = /^%+$/

const length = ofText((value) => [...value].length)

const FUNCTIONS: ReadonlyMap<string, (values: readonly Value[]) => Value> = new Map<
  string,
  (values: readonly Value[]) => Value
>(
  Object.entries({
    char_length: length,
    character_length: length,
    length: ofText((value) => Buffer.byteLength(value)),
    octet_length: ofText((value) => Buffer.byteLength(value)),
    bit_length: ofText((value) => 8 * Buffer.byteLength(value)),
    abs: ofNumber(Math.abs),
    sign: ofNumber(Math.sign),
    lower: ofText((value) => value.toLowerCase()),
    lcase: ofText((value) => value.toLowerCase()),
    upper: ofText((value) => value.toUpperCase()),
    ucase: ofText((value) => value.toUpperCase()),
    trim: ofText((value) => withoutLast(value.replace(/^ +/, ''), ' ')),
    ltrim: ofText((value) => value.replace(/^ +/, '')),
    rtrim: ofText((value) => withoutLast(value, ' ')),
    reverse: ofText((value) => [...value].toReversed().join('')),
    isnull: ([value]) => (value === undefined || value === UNKNOWN ? UNKNOWN : value === null),
  }),
)

function valueOfCall({ name, args }: Call, values: readonly Value[]): Value {
  if (args.length !== 1) return UNKNOWN
  const make = FUNCTIONS.get(name.name)
  if (make === undefined) return UNKNOWN
  return values.includes(null) && name.name !== 'isnull' ? null : make(values)
}

const lengths = (): readonly Value[] => [0, 1, 5, 1000]

/** The lowest and the highest result of these functions, whatever their argument is. */
const SOME_RESULTS: ReadonlyMap<string, (call: Call) => readonly Value[] | undefined> = new Map<
  string,
  (call: Call) => readonly Value[] | undefined
>([
  ...wordList('length char_length character_length octet_length bit_length json_length json_depth abs sqrt exp').map(
    (name) => [name, lengths] as const,
  ),
  ...wordList('instr locate position find_in_set').map((name) => [name, found] as const),
  ...Object.entries({
    sign: () => [-1, 0, 1],
    sin: () => [-1, 0, 1],
    cos: () => [-1, 0, 1],
    ascii: () => [0, 65, 255],
    ord: () => [0, 65, 4_294_967_295],
    md5: () => ['0'.repeat(32), 'f'.repeat(32)],
    month: () => [0, 12],
    quarter: () => [0, 4],
    week: () => [0, 53],
    day: () => [0, 31],
    dayofmonth: () => [0, 31],
    dayofweek: () => [1, 7],
    weekday: () => [0, 6],
    dayofyear: () => [1, 366],
    hour: () => [0, 838],
    minute: () => [0, 59],
    second: () => [0, 59],
    microsecond: () => [0, 999_999],
  }),
])

/** The position of a text in another one; the empty text is found in every text. */
function found({ args }: Call): readonly Value[] | undefined {
  return args.some((arg) => arg.kind === 'constant' && arg.value === '') ? undefined : lengths()
}

/** Functions and operators whose arguments are texts. */
const OF_TEXT: ReadonlySet<string> = new Set(
  wordList(`
  length char_length character_length octet_length bit_length lower lcase upper ucase trim ltrim rtrim reverse concat concat_ws
  like not-like regexp not-regexp
`).map((name) => name.replace('not-', 'not ')),
)

/** The limits of the integer types, signed and unsigned, and one beyond each. */
const LIMITS_OF_TYPES = new Set([
  127,
  128,
  255,
  256,
  32_767,
  32_768,
  65_535,
  65_536,
  8_388_607,
  8_388_608,
  16_777_215,
  16_777_216,
  2_147_483_647,
  2_147_483_648,
  4_294_967_295,
  4_294_967_296,
  2 ** 63,
  2 ** 64,
])

/** Lengths and divisors with which only one result is possible. */
const FLATTENING_CALLS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>(
  wordList('left right substr substring mid lpad rpad mod repeat').map((name) => [name, ['0', '1', '-1']]),
)

/** Whether a simple regular expression matches the empty text, and so matches everything. */
const matchesAnyText = (pattern: string): boolean =>
  /^[%()|]*$/.test(pattern) ||
  /^\(?[_%]?\|\)?[*+]?$/.test(pattern) ||
  /^\^?(\.\*\??)*\$?$/.test(pattern) ||
  pattern.startsWith('|') ||
  pattern.endsWith('|') ||
  pattern.includes('||') ||
  isOptionalPattern(pattern)

/**
 * Native functions whose value varies with their arguments. Others may have few results, or the same result for all arguments, and so do
 * not distinguish rows.
 */
const VARIES: ReadonlySet<string> = new Set(
  wordList(`
  lower lcase upper ucase trim ltrim rtrim reverse concat concat_ws left right substr substring mid substring_index lpad rpad
  replace hex md5 sha sha1 sha2 crc32 quote to_base64 abs round truncate floor ceil ceiling ifnull coalesce
  date year month day dayofmonth dayofyear hour minute second to_days unix_timestamp date_format
`),
)

/** How MySQL evaluates operators and functions, as far as the gateway evaluates conditions. */
export const conditions: ConditionTerms = {
  // Rows are identified by keys, never by their location.
  rowPlace: undefined,
  cast,
  compare,
  operate,
  opposite: (operator) => OPPOSITES[operator],
  call: valueOfCall,
  someResults: (call) => SOME_RESULTS.get(call.name.name)?.(call),
  takesText: (name) => OF_TEXT.has(name),
  isLimit: (value) => LIMITS_OF_TYPES.has(value),
  // No text represents infinity.
  infinityOf: () => undefined,
  operators: {
    compares: new Set(['=', '<=>', '<>', '!=', '<', '>', '<=', '>=']),
    orders: new Set(['<', '>', '<=', '>=']),
    matches: new Set(['like', 'not like', 'regexp', 'not regexp']),
    contains: new Set(),
    makes: new Set(['+', '-', '*', '/', '%', 'div', '||', '->', '->>']),
  },
  matches: ({ name }) => name.name === 'regexp_like',
  matchesAnyText,
  isWideOpen: () => true,
  givesFew: ({ name }) => !VARIES.has(name.name),
  flattening: ({ name }) => FLATTENING_CALLS.get(name.name) ?? [],
}
