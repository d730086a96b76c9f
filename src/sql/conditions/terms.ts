import type { Call } from '../query.ts'
import type { Value } from './values.ts'

/** What a dialect's operators and functions return, as far as conditions are evaluated: everything else is UNKNOWN. */
export interface ConditionTerms {
  /** The system column with a row's location: compared for equality with a given value, it selects one row. */
  readonly rowPlace: string | undefined
  readonly cast: (value: Value, type: string) => Value
  readonly compare: (operator: string, left: Value, right: Value) => boolean | null | Extract<Value, symbol>
  /** `isSame`: both operands are the same expression. */
  readonly operate: (operator: string, left: Value, right: Value, isSame: boolean) => Value
  /** The operator that answers the opposite question. */
  readonly opposite: (operator: string) => string | undefined
  readonly call: (call: Call, values: readonly Value[]) => Value
  /** Sample results of a function whose arguments are not evaluated, among them the lowest and the highest. */
  readonly someResults: (call: Call) => readonly Value[] | undefined
  /** Whether a function or operator takes text. */
  readonly takesText: (name: string) => boolean
  /** The largest value of the type. */
  readonly isLimit: (value: number) => boolean
  /** A text for a number or time beyond all others, such as `infinity`: the value that it is compared as. */
  readonly infinityOf: (text: string) => number | undefined
  /** Operators and functions that compare their operands, or whose result varies with them. */
  readonly operators: Readonly<
    Record<'compares' | 'orders' | 'matches' | 'contains' | 'makes', { has(operator: string): boolean }>
  >
  /** A function that matches text against a pattern. */
  readonly matches: (call: Call) => boolean
  /** A pattern that matches every text, in any of the pattern languages. */
  readonly matchesAnyText: (pattern: string) => boolean
  /** A literal of an array, range or document that contains everything, or that everything contains. */
  readonly isWideOpen: (text: string) => boolean
  /** A function with few results, or the same result for all arguments. */
  readonly givesFew: (call: Call) => boolean
  /** Constants that, as arguments, leave one result: a length of 0, a divisor of 1. */
  readonly flattening: (call: Call) => readonly string[]
}
