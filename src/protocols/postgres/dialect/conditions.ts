import { isOptionalPattern } from '../../../sql/conditions/optional-pattern.ts'
import { like, ofNumber, ofText } from '../../../sql/conditions/text-values.ts'
import type { ConditionTerms } from '../../../sql/conditions/terms.ts'
import { ordered, UNKNOWN, type Value } from '../../../sql/conditions/values.ts'
import type { Call } from '../../../sql/query.ts'

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
function cast(value: Value, type: string): Value {
  if (value === null || value === UNKNOWN) return value
  if (typeof value === 'string' && infinityOf(value) !== undefined) return value
  if (NUMBERS.test(type)) return Number.isNaN(Number(value)) ? UNKNOWN : Number(value)
  if (type === 'bool') return BOOLEANS.get(String(value)) ?? UNKNOWN
  return typeof value === 'number' && /^(text|varchar|bpchar)$/.test(type) ? String(value) : value
}
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['true', 't', 'yes', 'on', '1'].map((word) => [word, true] as const),
  ...['false', 'f', 'no', 'off', '0'].map((word) => [word, false] as const),
])

function compare(name: string, left: Value, right: Value): boolean | null | typeof UNKNOWN {
  if (left === null || right === null) return null
  if (left === UNKNOWN || right === UNKNOWN) return UNKNOWN
  let [one, other] = [left, right]
  const ends = [one, other].map((side) => (typeof side === 'string' ? infinityOf(side) : undefined))
  if (ends.some((end) => end !== undefined)) {
    // infinity is equal to itself like any other value, and sorts beyond all others.
    if (name === '=' || name === '<>') return UNKNOWN
    one = ends[0] ?? (typeof one === 'string' ? 0 : one)
    other = ends[1] ?? (typeof other === 'string' ? 0 : other)
  }
  if (typeof one === 'number' && typeof other === 'string') other = Number(other)
  if (typeof other === 'number' && typeof one === 'string') one = Number(one)
  if (typeof one === 'boolean' && typeof other === 'string') other = BOOLEANS.get(other) ?? NaN
  if (typeof other === 'boolean' && typeof one === 'string') one = BOOLEANS.get(one) ?? NaN
  if (typeof one !== typeof other || Number.isNaN(one) || Number.isNaN(other)) return UNKNOWN
  return ordered(name, one, other)
}

const SELF = new Set(['=', '<=', '>=', '~~', '~~*', '~', '~*'])
const NEVER = new Set(['<>', '!=', '<', '>', '!~~', '!~~*', '!~', '!~*'])

function operate(name: string, left: Value, right: Value, same: boolean): Value {
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
    return like(left, right) === (name === '~~')
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

const length = ofText((value) => [...value].length)
const bytes = ofText((value) => Buffer.byteLength(value))

const FUNCTIONS: ReadonlyMap<string, (values: readonly Value[]) => Value> = new Map<
  string,
  (values: readonly Value[]) => Value
>(
  Object.entries({
    length,
    char_length: length,
    character_length: length,
    octet_length: bytes,
    bit_length: ofText((value) => 8 * Buffer.byteLength(value)),
    abs: ofNumber(Math.abs),
    sign: ofNumber(Math.sign),
    lower: ofText((value) => value.toLowerCase()),
    upper: ofText((value) => value.toUpperCase()),
    btrim: ofText((value) => value.trim()),
    ltrim: ofText((value) => value.trimStart()),
    rtrim: ofText((value) => value.trimEnd()),
    reverse: ofText((value) => [...value].toReversed().join('')),
  }),
)

function valueOfCall({ name, args }: Call, values: readonly Value[]): Value {
  if (values.includes(null) && FUNCTIONS.has(name.name)) return null
  const [first, second] = values
  if (name.name === 'starts_with' && typeof second === 'string')
    return second === '' ? true : typeof first === 'string' ? first.startsWith(second) : UNKNOWN
  return args.length === 1 ? (FUNCTIONS.get(name.name)?.(values) ?? UNKNOWN) : UNKNOWN
}

const lengths = (): readonly Value[] => [0, 1, 5, 1000]
const constantsOf = ({ args }: Call): number => args.filter(({ kind }) => kind === 'constant').length

/** The lowest and the highest result of these functions, whatever their argument is. */
const SOME_RESULTS: ReadonlyMap<string, (call: Call) => readonly Value[] | undefined> = new Map<
  string,
  (call: Call) => readonly Value[] | undefined
>(
  Object.entries({
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
  }),
)

/** The position of a text in another one; the empty text is found in every text. */
function found({ args }: Call): readonly Value[] | undefined {
  return args.some((arg) => arg.kind === 'constant' && arg.value === '') ? undefined : lengths()
}

function partOfTime({ args: [field] }: Call): readonly Value[] | undefined {
  const name = field?.kind === 'constant' ? field.value.toLowerCase() : ''
  return PARTS_OF_TIME.get(name)
}
const PARTS_OF_TIME: ReadonlyMap<string, readonly Value[]> = new Map<string, readonly Value[]>(
  Object.entries({
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
  }),
)

/** Functions and operators whose arguments are texts. */
const OF_TEXT: ReadonlySet<string> = new Set(
  `length char_length character_length octet_length bit_length lower upper btrim ltrim rtrim reverse starts_with
  || ~~ ~~* !~~ !~~* ~ ~* !~ !~* ^@`.split(/\s+/),
)

/** The limits of smallint, integer and bigint, and one beyond each. */
const LIMITS_OF_TYPES = new Set([32_767, 32_768, 2_147_483_647, 2_147_483_648, 2 ** 63])

/** Lengths and divisors with which only one result is possible. */
const FLATTENING_CALLS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>(
  Object.entries({
    left: ['0'],
    right: ['0'],
    substr: ['0'],
    substring: ['0'],
    lpad: ['0'],
    rpad: ['0'],
    mod: ['0', '1', '-1'],
  }),
)

/** Whether a simple regular expression without anchors matches the empty text, and so matches everything. */
const matchesEmpty = (pattern: string): boolean =>
  pattern.startsWith('|') || pattern.endsWith('|') || pattern.includes('||') || isOptionalPattern(pattern)

function infinityOf(text: string): number | undefined {
  const found = INFINITE.exec(text)
  return found === null ? undefined : found[1] === '-' ? -Infinity : Infinity
}
const INFINITE = /^\s*([+-]?)(?:inf(?:inity)?|nan)\s*$/i

const COMPARES = new Set(['=', '<>', '!=', '<', '>', '<=', '>='])
const ORDERS = new Set(['<', '>', '<=', '>='])
const MATCHES = new Set(['~~', '~~*', '!~~', '!~~*', '~', '~*', '!~', '!~*', '^@', '@@', '@@@', '%'])
const CONTAINS = new Set(['@>', '<@', '&&', '?', '?|', '?&', '@?', '<<', '>>', '-|-'])
const MAKES = new Set(['+', '-', '*', '/', '%', '||', '->', '->>', '#>', '#>>', '#-', '<->', '<=>'])
const OF_PATTERNS = new Set(['starts_with', 'regexp_like'])
/** System functions with few possible results, or with one result whatever their arguments are. */
const FLAT =
  /^(pg_.*|num_(non)?nulls|sign|sin|cosd?|sind?|exp|sqrt|power|pow|isfinite|isempty|\w*range|jsonb?_(typeof|build_\w+)|to_jsonb?|row_to_json|quote_\w+|repeat|format|width_bucket|(obj|col|shobj)_description|has_\w+_privilege|to_reg\w+|(int[248]|float[48]|text|bool|bpchar|numeric|oid|date|timestamp|timestamptz|uuid|name)_?(eq|ne|lt|le|gt|ge|send|like|nlike|regexeq|regexne|icregexeq|iclike)|(not)?i?like|gcd|lcm|scale|min_scale|ascii|(bit_|char_|character_|octet_)?length|cardinality|array_(length|upper|lower|ndims|dims)|jsonb?_array_length|regexp_(count|instr|match)|strpos|position|get_byte|get_bit)$/

/** How PostgreSQL evaluates operators and functions, as far as the gateway evaluates conditions. */
export const conditions: ConditionTerms = {
  rowPlace: 'ctid',
  cast,
  compare,
  operate,
  opposite: (operator) => OPPOSITES[operator],
  call: valueOfCall,
  someResults: (call) => SOME_RESULTS.get(call.name.name)?.(call),
  takesText: (name) => OF_TEXT.has(name),
  isLimit: (value) => LIMITS_OF_TYPES.has(value),
  infinityOf,
  operators: { compares: COMPARES, orders: ORDERS, matches: MATCHES, contains: CONTAINS, makes: MAKES },
  matches: ({ name }) => OF_PATTERNS.has(name.name),
  // LIKE, SIMILAR TO and regular expressions: the pattern matches every text, or one of its alternatives does.
  matchesAnyText: (pattern) =>
    /^[%()|]*$/.test(pattern) || /^\(?[_%]?\|\)?[*+]?$/.test(pattern) || matchesEmpty(pattern),
  isWideOpen: (text) => /^([[({]?\s*(-?infinity\s*)?,\s*(infinity\s*)?[\])}]|\{\}|\[\]|empty|)$/i.test(text),
  givesFew: ({ name }) => FLAT.test(name.name),
  flattening: ({ name }) => FLATTENING_CALLS.get(name.name) ?? [],
}
