import type { Relation as SqlRelation, Tie } from '../../../sql/catalog.ts'

export interface Relation extends SqlRelation {
  readonly kind: 'table' | 'view' | 'sequence' | 'system'
  /** What runs when its rows are written, by event: triggers whose bodies are not analysed. */
  readonly triggers: readonly Trigger[]
  /** Why the effect of reading it is unknown. */
  readonly runs: readonly string[]
  /** Tables that referential actions change along with it. */
  readonly cascades: Readonly<Record<'delete' | 'deleteSets' | 'update', readonly number[]>>
  /** The tables whose foreign keys refer to it, once for each. */
  readonly referencedBy: readonly number[]
  /** A digest that changes whenever its definition does. */
  readonly identity: string
}

/** A relation that is still being built. */
export interface OpenRelation extends Relation {
  kind: Relation['kind']
  foreign: boolean
  opaque: boolean
  definition: string | undefined
  identity: string
  runs: readonly string[]
  readonly viewOf: number[]
  readonly referencedBy: number[]
  readonly columns: Map<string, number>
  readonly invisible: Set<string>
  readonly types: Map<string, string>
  readonly exact: Set<string>
  readonly generated: Map<string, string>
  readonly unique: Set<string>
  readonly ties: Tie[]
  readonly triggers: Trigger[]
  readonly cascades: Readonly<Record<keyof Relation['cascades'], number[]>>
}

/** A table of which only the name is known. */
export const newRelation = (oid: number, schema: string, name: string): OpenRelation => ({
  oid,
  schema,
  name: `${schema}.${name}`,
  kind: 'table',
  viewOf: [],
  related: [],
  columns: new Map(),
  invisible: new Set(),
  types: new Map(),
  exact: new Set(),
  opaque: false,
  foreign: false,
  definition: undefined,
  generated: new Map(),
  unique: new Set(),
  ties: [],
  triggers: [],
  runs: [],
  cascades: { delete: [], deleteSets: [], update: [] },
  referencedBy: [],
  identity: '',
})

export interface Trigger {
  readonly event: 'insert' | 'update' | 'delete'
  /** For people. */
  readonly what: string
}
