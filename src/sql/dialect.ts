import type { ConditionTerms } from './conditions/terms.ts'
import type { Call, Constant, Expression, Name, Parameter, Select, TypeName } from './query.ts'

/**
 * What a system column reveals of a row: nothing; the `place` that holds it, such as its partition; or its `position` there, and so the
 * lengths of all values, by how many rows fit into a page.
 */
export type SystemColumn = 'nothing' | 'place' | 'position'

/**
 * What the shared reading of SQL has to know of a dialect and cannot see in the neutral tree. Whatever a dialect does not list counts for
 * the worst: a call that may fail, a name that may be anything.
 */
export interface Dialect {
  readonly types: KnownTypes
  /** Columns that every table has and no star shows, with what they reveal. */
  readonly systemColumns: ReadonlyMap<string, SystemColumn>
  /** The server takes no more columns than this in one list. */
  readonly maxColumns: number
  readonly names: SystemNames
  /** Whether ORDER BY, GROUP BY and HAVING may name columns of the select list within expressions, and not only as they are. */
  readonly targetsAreNamed: boolean
  /** The setting that a call moves, which lies in the SELECT that is given; `opaque` where the text does not say which, or to what. */
  readonly settingOf: (call: Call, within: Select | undefined) => SettingChange | 'opaque' | undefined
  /** Of a call that hands its arguments on to others, what that is. */
  readonly deliveryOf: (call: Call) => Delivery | undefined
  readonly totals: Totals
  /** Where values of several types meet; undefined: none of them is converted by anything that fails. */
  readonly meetings?: Meetings
  readonly utilities: Utilities
  readonly conditions: ConditionTerms
}

export interface SettingChange {
  readonly name: string
  readonly value: string | undefined
  /** As policies call a statement that moves it. */
  readonly kind: string
}

export interface Delivery {
  /** As policies call a statement that does the same. */
  readonly kind: string
  /** For people: what is delivered. */
  readonly what: string
}

/** What names stand for without a catalog. */
export interface SystemNames {
  /** It is, or may be, the system's own. */
  readonly isSystem: (name: Name) => boolean
  readonly isSamplingMethod: (name: Name) => boolean
  /** Of an array the type of its elements, of any other type that type. */
  readonly elementType: (type: string) => string
  /** Types that a constant may have. */
  readonly constantTypes: Readonly<Record<Constant['type'], readonly string[]>>
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
  readonly mayTake: (call: Call, index: number, type: string | undefined) => boolean
  /** Whether what WITHIN GROUP sorts may be masked. */
  readonly maySort: (call: Call) => boolean
  /** The type of a call's value, where that is certain. */
  readonly typeGiven: (call: Call) => string | undefined
  /** Whether a call gives a value for any values of its arguments, whose types are known where `typeOf` says them. */
  readonly neverFails: (call: Call, typeOf: TypeOf | undefined) => boolean
  /** Whether a masked value of this type may be taken for true or false. */
  readonly mayDecide: (type: string | undefined) => boolean
  /** Whether an operator may be given a masked value of this type on one side. */
  readonly operatorMayTake: (name: string, isRight: boolean, type: string | undefined, other: Expression) => boolean
  readonly operatorNeverFails: (name: string, args: readonly Expression[], typeOf: TypeOf) => boolean
  /**
   * Whether `=` between a masked value of this type and something given asks for one value and no more; `as-text`: where what is given, a
   * parameter, is sent as a text.
   */
  readonly equalsOne: (type: string | undefined, given: Expression) => boolean | 'as-text'
  /** Whether an operator appends its operands: its value is of the type of the first. */
  readonly appends: (name: string) => boolean
  /** An aggregate or window function whose value is one of its argument's. */
  readonly keepsValue: (call: Call) => boolean
  /** A call whose value is the same in whatever order rows come, and looks the same where it is equal. */
  readonly isOrderFree: (call: Call) => 'aggregate' | 'scalar' | undefined
  /** Casts that no value makes fail. */
  readonly isTextType: (type: TypeName) => boolean
  /** Whether the elements of an array may be made of a masked value of this type. */
  readonly isScalar: (type: string | undefined) => boolean
}

export type TypeOf = (arg: Expression) => string | undefined

/** A value, as far as its type is known. */
export interface Typed {
  /** Undefined: it may be of any. */
  readonly type: string | undefined
  /** It is this constant or parameter as it stands: what its type is, the others decide. */
  readonly given?: Constant | Parameter
}

/**
 * Values that are compared, or of which one is chosen, are brought to one type first. Who can make a masked value decide which value that is,
 * or whether there is one at all, is told by a conversion or a comparison that fails for some of them.
 */
export interface Meetings {
  /** Whether this one can be brought to a type with the others, whatever it is. */
  readonly joins: (value: Typed, others: readonly Typed[]) => boolean
  /** Whether it can be compared with them, or, with none, with others like it. */
  readonly compares: (value: Typed, others: readonly Typed[]) => boolean
  /** The type that all of them are brought to, where that is certain. */
  readonly commonType: (values: readonly Typed[]) => string | undefined
  /** The type that an operator gives, where that is certain. */
  readonly operatorGives: (name: string, values: readonly Typed[]) => string | undefined
  readonly isComparison: (operator: string) => boolean
  /** Arguments of a call of which it chooses one. */
  readonly chosenFrom: (call: Call) => readonly Expression[]
}

/** Statements that are neither queries nor writes, by their kind as policies call it. */
export interface Utilities {
  /** What rows one gives, by its kind; a `definition` may compute with a relation, but shows none of it. */
  readonly rowsOf: (kind: string) => 'own-query' | 'none' | 'unmasked' | 'definition' | 'anything'
  /**
   * What becomes of the values of its expressions: they decide what it shows, are stored, or are given to something that may tell
   * them; `dropped`: none of it. A definition's are computed by whoever uses it: they are `unread`.
   */
  readonly valuesOf: (kind: string) => 'decide' | 'stored' | 'given' | 'dropped' | 'unread'
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
