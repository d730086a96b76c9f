import type { Call, Constant, Expression, TypeName } from './query.ts'

/**
 * What the shared reading of SQL has to know of a dialect and cannot see in the neutral tree. Whatever a dialect does not list counts for
 * the worst: a call that may fail, a name that may be anything.
 */
export interface Dialect {
  readonly types: KnownTypes
  /** Columns that every table has and no star shows: what they tell of a row is nothing, or the `table` that holds it. */
  readonly systemColumns: ReadonlyMap<string, 'nothing' | 'table'>
  /** The server takes no more columns than this in one list. */
  readonly maxColumns: number
  readonly totals: Totals
  readonly utilities: Utilities
}

/** What the server calls the types of values that SQL itself makes. */
export interface KnownTypes {
  /** Of comparisons and tests. */
  readonly boolean: string
  readonly text: string
  /** Of a row as a whole. */
  readonly row: string
}

/**
 * What cannot fail, wait, or give more or fewer rows because of the values it is given: what is made of a masked value by these is
 * masked, and tells nothing else.
 */
export interface Totals {
  /** Whether the argument at this place may be a masked value of this type, and nothing is told. */
  mayTake(call: Call, index: number, type: string | undefined): boolean
  /** Whether what WITHIN GROUP sorts may be masked. */
  maySort(call: Call): boolean
  /** The type of a call's value, where that is certain. */
  typeGiven(call: Call): string | undefined
  /** Whether a call gives a value for any values of its arguments, whose types are not known. */
  neverFails(call: Call): boolean
  /** Whether an operator may be given a masked value of this type on one side. */
  operatorMayTake(name: string, isRight: boolean, type: string | undefined, other: Expression): boolean
  operatorNeverFails(name: string, args: readonly Expression[]): boolean
  /** Whether an operator appends its operands: its value is of the type of the first. */
  appends(name: string): boolean
  /** An aggregate or window function whose value is one of its argument's. */
  keepsValue(call: Call): boolean
  /** Casts that no value makes fail. */
  isTextType(type: TypeName): boolean
  /** Whether the elements of an array may be made of a masked value of this type. */
  isScalar(type: string | undefined): boolean
}

/** Statements that are neither queries nor writes, by their kind as policies call it. */
export interface Utilities {
  /** What rows one gives, by its kind; a `definition` may compute with a relation, but shows none of it. */
  rowsOf(kind: string): 'own-query' | 'none' | 'unmasked' | 'definition' | 'anything'
  /** Definitions that compute with the rows of their relation when nobody looks; for people: what is computed. */
  readonly computes: ReadonlyMap<string, string>
  /** Definitions that change how values of all columns are compared or converted. */
  readonly changesConversion: ReadonlySet<string>
}

/** A literal or a parameter, cast or not. */
export function isConstant(node: Expression | undefined): node is Constant {
  return (
    node !== undefined &&
    (node.kind === 'constant' || node.kind === 'parameter' || (node.kind === 'cast' && isConstant(node.arg)))
  )
}
