import type { Copy, Name, Statement } from '../query.ts'

/** Where a constant begins in the text, in the parser's units. */
export interface LiteralPlace {
  readonly at: number
  /** Where the minus before a number is: a grammar may take both for one constant. */
  readonly signAt: number | undefined
}

/** A word that is a keyword in the parser's grammar, but an ordinary name to servers before this version. */
export interface NewerWord {
  readonly word: string
  readonly since: number
}

/**
 * The facts of one statement before its names are resolved. They depend on the text alone.
 */
export interface ParsedStatement {
  readonly tree: Statement
  /** Its constants, as the text shows them. */
  readonly literals: readonly LiteralPlace[]
  /** The unqualified names of the types that it names. */
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
  /** The written relations that exist only once it has run. */
  readonly makes: readonly Name[]
  readonly functions: readonly Name[]
  /** Operators that are called by name, also where the text only implies them. */
  readonly operators: readonly Name[]
  readonly missingWhere: boolean
  /** Settings changed by SET, RESET and the like; `*`: all. */
  readonly settings: readonly { readonly name: string; readonly value: string | undefined }[]
  /** `row.name` where the text does not show that the row has such a column. */
  readonly fields: readonly FieldReference[]
  /** A call changes a setting, and the text does not show which one or to what. */
  readonly opaqueSettings: boolean
  /** ALTER SCHEMA … RENAME: the schema's old name. */
  readonly renamesSchema: string | undefined
  readonly unknown: readonly string[]
  /** Words that older servers parse differently. */
  readonly newerWords: readonly NewerWord[]
  /** Prepared statements and cursors that the statement creates or drops. */
  readonly names: readonly string[]
  /** The prepared statement that an EXECUTE within it runs. */
  readonly executes: string | undefined
  /** The statement carries a password or a similar option, so its literals never reach the record. */
  readonly secret: boolean
  readonly copy: Copy | undefined
}

export interface FieldReference {
  readonly name: string
  /** A column where one of these relations has one of that name; otherwise a call of a function. */
  readonly of: readonly Name[]
}

/** A value that is converted to a type by a cast, which may run a function. */
export interface Conversion {
  /** The unqualified name of a type (of an array, its element type); the types of the columns that are written; or any type. */
  readonly to: { readonly type: string } | 'stored' | 'any'
  readonly how: 'explicit' | 'assignment'
  /**
   * What the value is, as far as the text shows: a value of a type, the result of a function or of operators, a column, or a parameter that
   * nothing else gives a type; undefined: anything.
   */
  readonly from:
    { readonly type: string } | { readonly given: readonly string[] } | FieldReference | 'parameter' | undefined
}
