import { words } from '../../shared/words.ts'

/**
 * What cannot fail, wait, or give more or fewer rows because of the values it is given: what is made of a masked value by
 * these is masked, and tells nothing else. Whatever is not here tells by an error, by its rows or by its time.
 */
export function mayTake(name: string, argument: number): boolean {
  if (TOTAL.has(name)) return true
  if (TOTAL_IN_FIRST.has(name)) return argument === 0
  // Keys stand before values; a key that is null fails.
  return BUILDS_OBJECT.has(name) && argument % 2 === 1
}
export const isTotalOperator = (name: string): boolean => TOTAL_OPERATORS.has(name)
/** Casts that no value makes fail: to text. */
export const isTotalCast = (type: string): boolean => TEXT_TYPES.has(type)

const TOTAL = new Set(
  words(`
  upper lower initcap length char_length character_length octet_length bit_length btrim ltrim
  rtrim reverse left right replace translate concat concat_ws strpos position
  starts_with ascii md5 quote_literal quote_ident quote_nullable hashtext text to_json to_jsonb
  row_to_json json_build_array jsonb_build_array array_to_json jsonb_pretty json_typeof jsonb_typeof array_append cardinality num_nulls
  num_nonnulls pg_typeof pg_column_size sha256 sha512 count min max sum avg
  array_agg json_agg jsonb_agg string_agg any_value bool_and bool_or every first_value last_value
  abs sign floor ceil ceiling
`),
)
const TOTAL_IN_FIRST = new Set(
  words(`
  substr substring split_part lpad rpad string_to_array array_to_string array_length lag lead
  nth_value to_char round trunc
`),
)
const BUILDS_OBJECT = new Set(['json_build_object', 'jsonb_build_object'])

const TOTAL_OPERATORS = new Set(['||', '=', '<>', '!=', '<', '>', '<=', '>=', '~~', '!~~', '~~*', '!~~*', '->', '->>'])

const TEXT_TYPES = new Set(['text', 'varchar', 'bpchar', 'name', 'unknown'])
