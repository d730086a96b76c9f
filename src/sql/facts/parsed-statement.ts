import type { Copy, Name, Statement } from '../query.ts'

/** Where a constant begins in the text, in the parser's units. */
export interface LiteralPlace {
  readonly at: number
  /** Of a number with a minus before it: where that is. A grammar may take both for one constant. */
  readonly signAt: number | undefined
}

/** A word that is a keyword of the parser's grammar, and nothing but a name to servers before this version. */
export interface NewerWord {
  readonly word: string
  readonly since: number
}

/**
 * What one statement says, before names are resolved: the same text always gives the same answer.
 * Nothing here knows what a name stands for.
 */
export interface ParsedStatement {
  readonly tree: Statement
  /** Its constants, as the text shows them. */
  readonly literals: readonly LiteralPlace[]
  /** Last names of the types it names. */
  readonly typeNames: readonly string[]
  /** Where values are converted to a type that the text names. */
  readonly conversions: readonly Conversion[]
  /** BEGIN or SET TRANSACTION with READ WRITE. */
  readonly readWrite: boolean
  /** EXPLAIN ANALYZE. */
  readonly explainRuns: boolean
  /** TRUNCATE … CASCADE. */
  readonly cascade: boolean
  readonly kinds: readonly string[]
  readonly reads: readonly Name[]
  readonly writes: readonly Name[]
  /** Relations among those written that exist only once it has run. */
  readonly makes: readonly Name[]
  readonly functions: readonly Name[]
  /** Operators that are called by name, also where the text only implies them. */
  readonly operators: readonly Name[]
  readonly missingWhere: boolean
  /** Settings moved by SET, RESET and the like; `*` for all. */
  readonly settings: readonly { readonly name: string; readonly value: string | undefined }[]
  /** `row.name` where the text does not show that the row has such a column. */
  readonly fields: readonly FieldReference[]
  /** A call that moves a setting, of which the text does not say which or to what. */
  readonly opaqueSettings: boolean
  /** ALTER SCHEMA … RENAME: the schema's old name. */
  readonly renamesSchema: string | undefined
  readonly unknown: readonly string[]
  /** Words that older servers read otherwise. */
  readonly newerWords: readonly NewerWord[]
  /** Names a prepared statement or cursor that the statement makes or drops. */
  readonly names: readonly string[]
  /** The prepared statement that an EXECUTE within it runs. */
  readonly executes: string | undefined
  /** The statement carries a password or a similar option, so its literals never reach the record. */
  readonly secret: boolean
  readonly copy: Copy | undefined
}

export interface FieldReference {
  readonly name: string
  /** The row has it where one of these relations has a column of that name; otherwise it calls the function. */
  readonly of: readonly Name[]
}

/** A value that is converted to a type by a cast, which may run a function. */
export interface Conversion {
  /** The last name of a type, of an array that of its elements; the types of columns that are written; any type. */
  readonly to: { readonly type: string } | 'stored' | 'any'
  readonly how: 'explicit' | 'assignment'
  /**
   * What the value is, as far as the text shows: of a type, what a function or operators give, a column, a parameter that nothing else
   * gives a type; undefined: anything.
   */
  readonly from:
    { readonly type: string } | { readonly given: readonly string[] } | FieldReference | 'parameter' | undefined
}
