import type { Called } from './called.ts'

/**
 * A SQL statement as the gateway analyses it, whatever the dialect: what it computes from what, in which order, and which operators and
 * functions it calls by name, including those that the text only implies. A dialect maps its parser's tree to this one. What it has no
 * mapping for is `Opaque`, which may do and depend on anything, so that the safe side is decided once, here. The types refer to each other
 * in a ring, which is why they share a file.
 */
export type Statement = Query | Insert | Update | Delete | Change | Merge | Utility

/** Statements that return rows and write none. */
export type Query = Select | SetOperation | Values

export interface Name {
  readonly schema: string | undefined
  readonly name: string
  /** ONLY: without the tables that inherit from it. */
  readonly only?: true
}

export interface TypeName extends Name {
  /** `varchar(4)`, `numeric(5, 2)`: the value may be cut, rounded or refused. */
  readonly limited: boolean
  /** The limits, where they are written as constants. */
  readonly modifiers: readonly Constant[]
  readonly array: boolean
}

// ── expressions ────────────────────────────────────────────────────────────────────────────────────────────────────

export type Expression =
  | Column
  | Constant
  | Parameter
  | SystemValue
  | Variable
  | Assign
  | Call
  | Operation
  | Logic
  | Test
  | Case
  | Coalesce
  | Extreme
  | Subquery
  | Cast
  | Collate
  | Row
  | ArrayOf
  | Field
  | Built
  | GroupingSet
  | CurrentOf
  | Default
  | Opaque

/** `column`, `table.column`, `table.*`: the last part may be a star. */
export interface Column {
  readonly kind: 'column'
  readonly path: readonly string[]
}

export interface Constant {
  readonly kind: 'constant'
  readonly type: 'null' | 'boolean' | 'integer' | 'number' | 'text' | 'bits'
  readonly value: string
  /** Its offset in the text, in bytes; -1 for one that the text only implies. */
  readonly at: number
  /** Offsets of the other constants that it stands for, in a long list. */
  readonly others?: readonly number[]
}

export interface Parameter {
  readonly kind: 'parameter'
  readonly number: number
  /** As for constants. */
  readonly at: number
}

/** CURRENT_DATE, CURRENT_USER and the like, which depend on the session alone. */
export interface SystemValue {
  readonly kind: 'system-value'
}

/** A user variable, which may hold whatever a statement stored there, or a setting of the server. */
export interface Variable {
  readonly kind: 'variable'
  readonly of: 'user' | 'setting'
  /** The name of a setting may have its scope in front: `global.x`. */
  readonly name: string
}

/** `@x := value`; its result is the value. */
export interface Assign {
  readonly kind: 'assign'
  readonly variable: string
  /** The value is exactly this text literal. */
  readonly text?: string
  readonly value: Expression
}

export interface Call {
  readonly kind: 'call'
  readonly name: Name
  readonly args: readonly Expression[]
  /** FILTER: decides whether the arguments are evaluated for a row. */
  readonly filter: Expression | undefined
  /** DISTINCT: the arguments are compared with those of other rows. */
  readonly distinct?: true
  /** ORDER BY within the parentheses, or WITHIN GROUP. */
  readonly order: readonly Sort[]
  /** WITHIN GROUP: the function works on the sorted values. */
  readonly ordered: boolean
  readonly window: Window | undefined
}

export interface Window {
  /** The window of the WINDOW clause that it uses or extends. */
  readonly refers: string | undefined
  readonly partition: readonly Expression[]
  readonly order: readonly Sort[]
  readonly frame: readonly Expression[]
}

export interface Sort {
  readonly by: Expression
  /** USING operator. */
  readonly operator: Name | undefined
}

/** Operators applied to operands. Every operator that is called by name is listed. */
export interface Operation {
  readonly kind: 'operation'
  readonly form: 'plain' | 'any' | 'all' | 'in' | 'between' | 'distinct' | 'nullif' | 'like'
  readonly negated: boolean
  readonly operators: readonly Name[]
  /** Of IN: what is looked for, then the list. Of BETWEEN: the value, then both ends. */
  readonly args: readonly Expression[]
}

export interface Logic {
  readonly kind: 'logic'
  readonly how: 'and' | 'or' | 'not'
  readonly args: readonly Expression[]
}

export interface Test {
  readonly kind: 'test'
  readonly is: 'null' | 'true' | 'false' | 'unknown'
  readonly negated: boolean
  readonly arg: Expression
}

export interface Case {
  readonly kind: 'case'
  /** `CASE operand WHEN value`: compared with each value by an operator. */
  readonly operand: Expression | undefined
  readonly operators: readonly Name[]
  readonly branches: readonly { readonly when: Expression; readonly gives: Expression }[]
  readonly otherwise: Expression | undefined
}

export interface Coalesce {
  readonly kind: 'coalesce'
  readonly args: readonly Expression[]
}

/** GREATEST and LEAST. */
export interface Extreme {
  readonly kind: 'extreme'
  readonly greatest: boolean
  readonly args: readonly Expression[]
}

export interface Subquery {
  readonly kind: 'subquery'
  /** `rows`: compared with `tested` until one decides. */
  readonly gives: 'exists' | 'value' | 'array' | 'rows'
  readonly tested: Expression | undefined
  readonly operators: readonly Name[]
  readonly all: boolean
  readonly query: Statement
}

export interface Cast {
  readonly kind: 'cast'
  readonly arg: Expression
  readonly to: TypeName
}

export interface Collate {
  readonly kind: 'collate'
  readonly arg: Expression
}

export interface Row {
  readonly kind: 'row'
  readonly args: readonly Expression[]
}

export interface ArrayOf {
  readonly kind: 'array'
  readonly args: readonly Expression[]
}

/** `(x).field`, `(x).*`, `x[1]`. */
export interface Field {
  readonly kind: 'field'
  readonly of: Expression
  readonly steps: readonly (string | readonly Expression[])[]
}

/** What SQL/JSON and SQL/XML build or look up. */
export interface Built {
  readonly kind: 'built'
  readonly what: string
  readonly args: readonly Expression[]
  /** It never fails, whatever the values of its parts. */
  readonly total: boolean
  readonly filter: Expression | undefined
  readonly order: readonly Sort[]
  readonly window: Window | undefined
  readonly types: readonly TypeName[]
}

/** ROLLUP, CUBE, GROUPING SETS and the empty set. */
export interface GroupingSet {
  readonly kind: 'grouping-set'
  readonly args: readonly Expression[]
}

export interface CurrentOf {
  readonly kind: 'current-of'
}

/** DEFAULT in VALUES or SET. */
export interface Default {
  readonly kind: 'default'
}

/** A part without a mapping. */
export interface Opaque {
  readonly kind: 'opaque'
  readonly what: string
  /** Relations that are named inside it. */
  readonly reads: readonly Name[]
}

// ── FROM ───────────────────────────────────────────────────────────────────────────────────────────────────────────

export type FromItem = Table | Derived | FunctionTable | ValueTable | Join | Opaque

export interface Alias {
  readonly name: string
  readonly columns: readonly string[]
}

export interface Table {
  readonly kind: 'table'
  readonly name: Name
  readonly alias: Alias | undefined
  /** TABLESAMPLE. */
  readonly sample: readonly Expression[]
  readonly method: Name | undefined
}

export interface Derived {
  readonly kind: 'derived'
  readonly query: Statement
  readonly lateral: boolean
  readonly alias: Alias | undefined
}

export interface FunctionTable {
  readonly kind: 'function-table'
  readonly calls: readonly Expression[]
  /** Names and types of a column definition list. */
  readonly columns: readonly string[]
  readonly types: readonly TypeName[]
  readonly alias: Alias | undefined
}

/** XMLTABLE and JSON_TABLE. */
export interface ValueTable {
  readonly kind: 'value-table'
  readonly args: readonly Expression[]
  readonly types: readonly TypeName[]
  readonly alias: Alias | undefined
}

export interface Join {
  readonly kind: 'join'
  readonly left: FromItem
  readonly right: FromItem
  readonly natural: boolean
  readonly using: readonly string[]
  readonly usingAlias: string | undefined
  readonly on: Expression | undefined
  /** Of USING and NATURAL. */
  readonly operators: readonly Name[]
  readonly alias: Alias | undefined
}

// ── queries ────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface With {
  readonly recursive: boolean
  readonly ctes: readonly Cte[]
}

export interface Cte {
  readonly name: string
  readonly columns: readonly string[]
  readonly query: Statement
  /** Columns that SEARCH and CYCLE add, computed from the others. */
  readonly adds: readonly Expression[] | undefined
}

/** A column of a select list, of RETURNING. */
export interface Target extends Called {
  readonly value: Expression
}

interface QueryParts {
  readonly with: With | undefined
  readonly order: readonly Sort[]
  readonly limit: readonly Expression[]
  readonly offset: readonly Expression[]
  /** FOR UPDATE and the like. */
  readonly locks: boolean
}

export interface Select extends QueryParts {
  readonly kind: 'select'
  readonly targets: readonly Target[]
  readonly from: readonly FromItem[]
  readonly where: Expression | undefined
  readonly group: readonly Expression[]
  /** GROUP BY DISTINCT. */
  readonly groupDistinct: boolean
  readonly having: Expression | undefined
  readonly windows: readonly Window[]
  /** DISTINCT is `[]`, DISTINCT ON its expressions. */
  readonly distinct: readonly Expression[] | undefined
  /** SELECT … INTO. */
  readonly into: Name | undefined
}

export interface SetOperation extends QueryParts {
  readonly kind: 'set-operation'
  readonly left: Query
  readonly right: Query
  /** All set operations compare rows, except UNION ALL. */
  readonly compares: boolean
  readonly into: Name | undefined
}

export interface Values extends QueryParts {
  readonly kind: 'values'
  readonly rows: readonly (readonly Expression[])[]
}

// ── writes ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Assignment {
  readonly column: string
  /** `column[1] = …`, `column.field = …`. */
  readonly subscripts: readonly Expression[]
  readonly value: Expression
  /** `(a, b) = (…)`: which part of the value, counted from 1. */
  readonly place: number | undefined
}

export interface Returning {
  readonly targets: readonly Target[]
  /** Names of the old and the new row. */
  readonly names: readonly string[]
}

interface WriteParts {
  readonly with: With | undefined
  readonly target: Table
  readonly returning: Returning | undefined
}

export interface Insert extends WriteParts {
  readonly kind: 'insert'
  readonly columns: readonly string[]
  readonly subscripts: readonly Expression[]
  readonly source: Query | undefined
  readonly conflict: Conflict | undefined
  /** REPLACE: deletes rows that have one of its unique values. */
  readonly replaces: boolean
}

export interface Conflict {
  /** The name of the row that was to be inserted. */
  readonly given: string
  readonly columns: readonly string[]
  readonly expressions: readonly Expression[]
  readonly predicate: Expression | undefined
  readonly set: readonly Assignment[]
  readonly where: Expression | undefined
  /** Assignments may name the rows that the inserted query reads. */
  readonly seesSource: boolean
}

export interface Update extends WriteParts {
  readonly kind: 'update'
  readonly set: readonly Assignment[]
  readonly from: readonly FromItem[]
  readonly where: Expression | undefined
}

export interface Delete extends WriteParts {
  readonly kind: 'delete'
  readonly from: readonly FromItem[]
  readonly where: Expression | undefined
}

/** UPDATE or DELETE of joined tables, or with ORDER BY or LIMIT. */
export interface Change {
  readonly kind: 'change'
  readonly does: 'update' | 'delete'
  readonly with: With | undefined
  /** All joined items, including the written tables. */
  readonly from: readonly FromItem[]
  readonly targets: readonly ChangeTarget[]
  readonly set: readonly ChangeAssignment[]
  readonly where: Expression | undefined
  readonly order: readonly Sort[]
  readonly limit: readonly Expression[]
  readonly returning: Returning | undefined
}

/** A table whose rows are written, or may be where the text does not show whose a column is. */
export interface ChangeTarget {
  readonly table: Table
  /** Conditions that written rows meet besides WHERE: those of inner joins. */
  readonly met: readonly Expression[]
}

export interface ChangeAssignment extends Assignment {
  /** The name of the table; undefined: any of the targets. */
  readonly of: string | undefined
}

export interface Merge extends WriteParts {
  readonly kind: 'merge'
  readonly source: FromItem
  readonly on: Expression | undefined
  readonly clauses: readonly MergeClause[]
}

export interface MergeClause {
  readonly when: 'matched' | 'not-matched' | 'not-matched-by-source'
  readonly does: 'insert' | 'update' | 'delete' | 'nothing'
  readonly condition: Expression | undefined
  readonly columns: readonly string[]
  readonly subscripts: readonly Expression[]
  readonly values: readonly Expression[]
  readonly set: readonly Assignment[]
}

// ── all other statements ───────────────────────────────────────────────────────────────────────────────────────────

/** Every other statement, by what it names, evaluates, defines and runs. */
export interface Utility {
  readonly kind: 'utility'
  /** Its kinds, as policy names them. */
  readonly does: readonly string[]
  readonly reads: readonly Name[]
  readonly writes: readonly Name[]
  /** Relations that exist only once it has run. */
  readonly makes: readonly Name[]
  /** The relation whose columns its expressions name. */
  readonly on: Name | undefined
  readonly expressions: readonly Expression[]
  readonly statements: readonly Statement[]
  readonly types: readonly TypeName[]
  readonly operators: readonly Name[]
  /** Why its effect cannot be determined. */
  readonly unknown: readonly string[]
  readonly detail: UtilityDetail
}

/** Details that only some utility statements have. */
export interface UtilityDetail {
  readonly settings: readonly { readonly name: string; readonly value: string | undefined }[]
  /** BEGIN or SET TRANSACTION with READ WRITE. */
  readonly readWrite: boolean
  /** It contains a password or the like. */
  readonly secret: boolean
  /** Prepared statements and cursors that it makes or drops. */
  readonly names: readonly string[]
  readonly executes: string | undefined
  /** The text of the statement that it prepares or runs, where that is a literal. */
  readonly runs: string | undefined
  readonly cascade: boolean
  readonly renamesSchema: string | undefined
  /** EXPLAIN: whether the statement is run. */
  readonly explain: 'plans' | 'runs' | undefined
  /** CREATE TABLE AS and the like: where the rows of its statement are stored. */
  readonly stores: string | undefined
  readonly copy: Copy | undefined
  /** User variables that it assigns as targets, such as INTO, and not in an expression. */
  readonly assigns: readonly string[]
  /** What it creates is dropped when the session ends. */
  readonly temporary: boolean
  /** NOTIFY: what is sent with it. */
  readonly notifies: string | undefined
  /** Other names that it creates: of indexes, and of constraints, which may be indexes. */
  readonly gives: readonly string[]
  readonly index: { readonly columns: readonly string[]; readonly predicate: Expression | undefined } | undefined
  /** Tables and columns that a foreign key refers to; no columns: the primary key. */
  readonly references: readonly { readonly to: Name; readonly columns: readonly string[] }[]
  /** VERBOSE: messages report what was found where. */
  readonly verbose: boolean
  /** Parents of a new table or partition. */
  readonly inherits: readonly Name[]
  /** It has constraints or bounds, which existing rows may be checked against. */
  readonly checks: boolean
  /** SHOW: what the server lists of itself, by name and value, or counts of rows for each table, index or account. */
  readonly lists: 'status' | 'settings' | 'counts' | undefined
}

/** For a statement with no such detail. */
export const NO_DETAIL: UtilityDetail = {
  settings: [],
  readWrite: false,
  secret: false,
  names: [],
  executes: undefined,
  runs: undefined,
  cascade: false,
  renamesSchema: undefined,
  explain: undefined,
  stores: undefined,
  copy: undefined,
  assigns: [],
  temporary: false,
  notifies: undefined,
  gives: [],
  index: undefined,
  references: [],
  inherits: [],
  checks: false,
  lists: undefined,
  verbose: false,
}

export interface Copy {
  readonly direction: 'from' | 'to'
  readonly where: 'client' | 'file' | 'program'
  readonly relation: Name | undefined
  readonly columns: readonly string[]
  readonly options: Readonly<Record<string, string>>
}
