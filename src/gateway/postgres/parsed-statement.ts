import type { Node } from './findings.ts'

/** A relation as the text names it. */
export interface NamedRelation {
  readonly schema: string | undefined
  readonly name: string
}

/**
 * What one statement says, before names are resolved: the same text always gives the same answer.
 * Nothing here knows what a name stands for.
 */
export interface ParsedStatement {
  /** The statement as the parser gives it. */
  readonly tree: Node
  /** Last names of the types it names. */
  readonly typeNames: readonly string[]
  /** BEGIN or SET TRANSACTION with READ WRITE. */
  readonly readWrite: boolean
  /** EXPLAIN ANALYZE. */
  readonly explainRuns: boolean
  /** TRUNCATE … CASCADE. */
  readonly cascade: boolean
  readonly kinds: readonly string[]
  readonly reads: readonly NamedRelation[]
  readonly writes: readonly NamedRelation[]
  readonly functions: readonly NamedRelation[]
  readonly operators: readonly NamedRelation[]
  readonly missingWhere: boolean
  /** Settings moved by SET, RESET and the like; `*` for all. */
  readonly settings: readonly { readonly name: string; readonly value: string | undefined }[]
  /** Last names of the columns mentioned, `*` for a star, outside the target lists of INSERT and UPDATE. */
  readonly columns: readonly string[]
  /** set_config() with something else than constants. */
  readonly opaqueSettings: boolean
  /** ALTER SCHEMA … RENAME: the schema's old name. */
  readonly renamesSchema: string | undefined
  readonly unknown: readonly string[]
  /** Names a prepared statement or cursor that the statement makes or drops. */
  readonly names: readonly string[]
  /** The prepared statement that an EXECUTE within it runs. */
  readonly executes: string | undefined
  /** The statement carries a password or a similar option, so its literals never reach the record. */
  readonly secret: boolean
  readonly copy:
    | { readonly direction: 'from' | 'to'; readonly where: 'client' | 'file' | 'program'; readonly binary: boolean }
    | undefined
}
