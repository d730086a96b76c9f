import type { Constant } from '../query.ts'

/** A value, NULL, or one that is not known. */
export type Value = number | string | boolean | null | typeof UNKNOWN
export const UNKNOWN = Symbol('unknown')

/** What a constant is as it is written. */
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

/** How an operator of comparison answers for two values of one type; other operators are not known. */
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
