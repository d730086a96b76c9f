import type { Call } from '../query.ts'
import type { Value } from './values.ts'

/** What a dialect's operators and functions give, as far as conditions are evaluated: whatever it does not know is UNKNOWN. */
export interface ConditionTerms {
  /** The system column by which a row is found where it stands; equal to something given, it is one row. */
  readonly rowPlace: string | undefined
  readonly cast: (value: Value, type: string) => Value
  readonly compare: (operator: string, left: Value, right: Value) => boolean | null | Extract<Value, symbol>
  /** `isSame`: the same expression stands on both sides. */
  readonly operate: (operator: string, left: Value, right: Value, isSame: boolean) => Value
  /** The operator that answers the opposite question. */
  readonly opposite: (operator: string) => string | undefined
  readonly call: (call: Call, values: readonly Value[]) => Value
  /** Some values that a function may give, the lowest and the highest among them, where its arguments are not evaluated. */
  readonly someResults: (call: Call) => readonly Value[] | undefined
  /** Whether a function or an operator takes texts. */
  readonly takesText: (name: string) => boolean
  /** No value of the type that it limits is beyond this number. */
  readonly isLimit: (value: number) => boolean
  /** A text that stands for a number or a time beyond all others: as what it is compared. */
  readonly infinityOf: (text: string) => number | undefined
  /** What asks a question of its operands, or makes a value of them that varies as they do. */
  readonly operators: Readonly<
    Record<'compares' | 'orders' | 'matches' | 'contains' | 'makes', { has(operator: string): boolean }>
  >
  /** A function that asks whether a text fits a pattern. */
  readonly matches: (call: Call) => boolean
  /** A pattern that every text fits, in whichever language of patterns. */
  readonly fitsAll: (pattern: string) => boolean
  /** An array, range or document, as it is written, that contains anything or is contained in it. */
  readonly isWideOpen: (text: string) => boolean
  /** A function that gives few values, or the same of whatever it is given. */
  readonly givesFew: (call: Call) => boolean
  /** Constants that, as its arguments, leave one value: a length of 0, a divisor of 1. */
  readonly flattening: (call: Call) => readonly string[]
}
