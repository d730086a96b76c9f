import type { Constant } from '../query.ts'

/** A value, NULL, or UNKNOWN where it cannot be determined. */
export type Value = number | string | boolean | null | typeof UNKNOWN
export const UNKNOWN = Symbol('unknown')

/** The value of a constant as written. */
export function valueOf({ type, value }: Constant): Value {
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

/** The result of a comparison operator for two values of one type; UNKNOWN for other operators. */
export function ordered<T extends string | number | boolean>(
  operator: string,
  one: T,
  other: T,
): boolean | typeof UNKNOWN {
  switch (operator) {
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
