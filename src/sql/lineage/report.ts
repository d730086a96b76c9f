import type { ColumnMask } from '../../masking/plan.ts'
import type { CountingRows } from '../catalog.ts'
import type { Dialect } from '../dialect.ts'
import type { Name, Statement } from '../query.ts'
import type { Ctes, QueryScope } from './scope.ts'
import type { OpenConstants, VisibleConstants } from './open-constants.ts'
import type { Origin, Output, ReadOrders } from './origin.ts'
import type { WriteTarget } from './write-target.ts'

/** What the resolver asks of the catalogs. */
export interface Sources {
  readonly dialect: Dialect
  /** The columns of a relation in order, views resolved to what they read. */
  relation(named: { schema: string | undefined; name: string }): readonly Output[]
  /** A relation as a statement writes to it. */
  target(named: { schema: string | undefined; name: string }): WriteTarget
  /** Whether what defines a relation lets a masked column meet another. */
  mixes(named: { schema: string | undefined; name: string }): boolean
  /** What reading a relation tells besides its rows: row security, and a view that compares, leave rows out by masked columns. */
  answers(named: Name): Origin
  /** Where some rows of a relation reveal masked values by being there: which these are. */
  countingRows(named: Name): CountingRows | undefined
  /** What the place of its rows tells of them, the partition that holds a row above all: `tableoid`, `ctid`, the order of a scan. */
  place(named: { schema: string | undefined; name: string }): Origin
  /** In which orders the server may give the rows of a relation without being asked; none where it does not. */
  readonly readOrders?: (named: { schema: string | undefined; name: string }) => ReadOrders
  /** What is told of the rows of a partition by naming it. */
  part(named: Name): Origin
  /** What a function reveals that shows how much is changed or stored; PLAIN of any other. */
  counted(name: Name): Origin
  /** What the number of rows of such a function reveals. */
  countedRows(name: Name): Origin
  /** What a setting of the server tells of rows; it may have its scope in front. */
  setting(name: string): Origin
  /** Why the value of a function may come from anywhere; undefined where it depends on its arguments alone. */
  opaque(name: { schema: string | undefined; name: string }, operator: boolean): boolean
  /** A value that may come from any masked column. */
  readonly anything: Origin
  /** What a variable of the session holds; without it, anything. */
  readonly variable?: (name: string) => Origin
  /** What a statement that SQL prepared under this name gives. */
  prepared(name: string): StatementLineage | undefined
}

/** A masked column in a place where rows, order, errors or time reveal its value. */
export interface SideChannel {
  readonly mask: ColumnMask
  /** For people: `WHERE`, `ORDER BY`, `arguments of f()`. */
  readonly place: string
  /** Set where only equality with given values is asked: how many. */
  readonly comparisons: number | undefined
  /** What to do about it, where that is something else than elsewhere. */
  readonly hint?: string | undefined
}

/** A masked column that would be stored where it is not masked. */
export interface UnmaskedCopy {
  readonly mask: ColumnMask
  readonly to: string
}

export interface StatementLineage {
  readonly outputs: readonly Output[]
  readonly leaks: readonly SideChannel[]
  readonly copies: readonly UnmaskedCopy[]
  /** A masked column meets another somewhere in it: seen from outside, where it defines a view or a column. */
  readonly mixes?: boolean
  /** What the order tells in which indexes give rows, where the statement sorts them by nothing else. Among `leaks`, unless it is a definition. */
  readonly order?: readonly SideChannel[]
  /** Undefined: all are hidden. */
  readonly visible?: VisibleConstants | undefined
  /** Names of all masked columns that it names in any place. */
  readonly columns?: readonly string[]
  /** What is assigned to variables of the session, and where it comes from. */
  readonly assigned?: readonly AssignedVariable[]
  /** Parameters that masked texts are compared with: sent as anything but a text, they would ask for more than one value. */
  readonly textParameters?: readonly number[]
}

export interface AssignedVariable {
  readonly variable: string
  readonly origin: Origin
}

/** Collects what one statement reveals besides its rows. */
export class LineageFindings {
  readonly sources: Sources
  leaks: SideChannel[] = []
  copies: UnmaskedCopy[] = []
  readonly assigned: AssignedVariable[] = []
  /** Of orders in which indexes give rows. */
  readonly order: SideChannel[] = []
  /** What is read now gives rows of which the order is not seen. */
  isUnordered = false
  readonly constants: OpenConstants
  /** Which rows there are, or their order, depends on comparing masked values with those of other rows. */
  comparesRows = false
  /** Names of masked columns that have been met. */
  readonly columns = new Set<string>()
  /** Numbers of parameters that must be sent as texts. */
  readonly textParameters = new Set<number>()

  constructor(sources: Sources, constants: OpenConstants) {
    this.sources = sources
    this.constants = constants
  }

  get dialect(): Dialect {
    return this.sources.dialect
  }

  leak(origin: Origin, place: string, comparisons?: number, hint?: string): void {
    this.meets(origin)
    for (const mask of origin.masks)
      this.leaks.push(hint === undefined ? { mask, place, comparisons } : { mask, place, comparisons, hint })
  }

  copy(origin: Origin, to: string): void {
    this.meets(origin)
    for (const mask of origin.masks) this.copies.push({ mask, to })
  }

  /** A column that is named, whatever becomes of it. */
  meets(origin: Origin): void {
    for (const { name } of origin.masks) this.columns.add(name)
  }

  /** A report that nobody reads, for parts that are read twice. */
  quiet(): LineageFindings {
    return new LineageFindings(this.sources, this.constants)
  }
}

/** The columns of a statement that gives rows: SELECT, VALUES, set operations, or one with RETURNING. */
export type QueryReader = (
  node: Statement,
  found: LineageFindings,
  outer: QueryScope | undefined,
  ctes: Ctes | undefined,
) => readonly Output[]
