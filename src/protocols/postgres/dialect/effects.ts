import { findRelation, type Catalog, type Relation } from '../catalog/catalog.ts'
import { withSources } from '../../../sql/relation-sources.ts'
import type { Name } from '../../../sql/query.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'

/** The effects of a statement beyond its text: tables that change along with those it names, and code that runs. */
export interface Effects {
  /** Relations that referential actions or CASCADE change as well. */
  readonly alsoWrites: readonly Relation[]
  /** Why its effect is unknown. */
  readonly unknown: readonly string[]
}

export function effectsOf(statement: ParsedStatement, catalog: Catalog): Effects {
  const named = (names: readonly Name[]): Relation[] => names.flatMap((name) => findRelation(catalog, name) ?? [])
  const written = new Set(named(statement.writes))
  const own = new Set(written)
  for (const relation of own) for (const oid of relation.indexOf) written.add(catalog.byOid.get(oid) ?? relation)
  const start = [...written]
  const follow = (kind: keyof typeof FOLLOWS): void => {
    const queue = start.map((relation) => ({ relation, kind }))
    const seen = { delete: new Set<Relation>(), update: new Set<Relation>(), truncate: new Set<Relation>() }
    for (const { relation, kind: done } of queue) {
      if (seen[done].has(relation)) continue
      seen[done].add(relation)
      const change = (oids: readonly number[], then: keyof typeof FOLLOWS, isWritten: boolean): void => {
        for (const oid of oids) {
          const other = catalog.byOid.get(oid)
          if (other !== undefined && isWritten) written.add(other)
          if (other !== undefined) queue.push({ relation: other, kind: then })
        }
      }
      change(relation.viewOf, done, true)
      for (const [action, then] of FOLLOWS[done]) change(relation.cascades[action], then, true)
      // The rows of a table include those of its partitions and children, which foreign keys may refer to as well.
      change(relation.related, done, false)
    }
  }
  if (statement.kinds.some((kind) => kind === 'delete' || kind === 'merge')) follow('delete')
  if (statement.kinds.some((kind) => kind === 'update' || kind === 'merge')) {
    follow('update')
    // Before version 15, a row that moves to another partition is deleted from one and inserted into the other.
    if (catalog.version < 150_000 && start.some(({ related }) => related.length > 0)) follow('delete')
  }
  if (statement.cascade) follow('truncate')
  const maintained = statement.kinds.some((kind) => MAINTAINS.has(kind)) ? named(statement.reads) : []
  const runsWriting = withSources([...written, ...maintained], catalog).flatMap(({ runs }) => runs)
  // Functions and operators convert constants to the type of a column: `lag(domained, 1, '1')`.
  const converts = statement.functions.length > 0 || statement.operators.length > 0
  // Building or rebuilding an index reads its table.
  const builds = statement.kinds.includes('create-index')
  const rebuilds = !builds && statement.kinds.some((kind) => MAINTAINS.has(kind))
  const runsReading = [
    ...withSources([...named(statement.reads), ...(builds ? named(statement.writes) : [])], catalog).flatMap(
      ({ runs }) => runs.filter(({ when, what }) => when === 'read' || (converts && what.startsWith(TYPE_RUNS))),
    ),
    ...(rebuilds ? withSources(named(statement.writes), catalog) : []).flatMap(({ runs }) =>
      runs.filter(({ what }) => REBUILT.test(what)),
    ),
  ]
  const rules = WRITES.some((kind) => statement.kinds.includes(kind)) || maintained.length > 0
  const shown = behindViews(own, catalog)
  return {
    alsoWrites: [...written].filter(
      (relation) => !own.has(relation) && relation.viewOf.length === 0 && !shown.has(relation.oid),
    ),
    unknown: [
      ...new Set([...(rules ? runsWriting : []), ...runsReading].map(({ what }) => what)),
      ...(evaluates(statement) ? catalog.everywhere : []),
      ...firedEvents(statement, catalog),
    ],
  }
}

/** By the operation on the rows of a table: the referential actions that it triggers, and what these do to the referring rows. */
const FOLLOWS = {
  delete: [
    ['delete', 'delete'],
    // SET NULL and SET DEFAULT change columns that other tables may refer to in turn.
    ['deleteSets', 'update'],
  ],
  update: [['update', 'update']],
  truncate: [['truncate', 'truncate']],
} as const satisfies Record<string, readonly (readonly [keyof Relation['cascades'], string])[]>

/** Whether anything is computed, compared or stored. */
const evaluates = ({ functions, operators, conversions, fields, reads, writes }: ParsedStatement): boolean =>
  [functions, operators, conversions, fields, reads, writes].some((names) => names.length > 0)

/** Event triggers that may fire: for any definition, or for the commands that they name. */
function firedEvents({ kinds }: ParsedStatement, catalog: Catalog): string[] {
  if (catalog.eventTriggers.length === 0) return []
  const fires = kinds.filter((kind) => FIRES.test(kind))
  if (fires.length === 0) return []
  return catalog.eventTriggers
    .filter(
      ({ tags }) =>
        tags === undefined ||
        !fires.every((kind) => ONE_TAG.has(kind) && !tags.has(kind.replaceAll('-', ' ').toUpperCase())),
    )
    .map(({ what }) => what)
}

/** The tables behind a view are a fact of their own. */
function behindViews(relations: ReadonlySet<Relation>, catalog: Catalog): ReadonlySet<number> {
  return new Set(
    withSources(
      [...relations].filter(({ viewOf }) => viewOf.length > 0),
      catalog,
    ).map(({ oid }) => oid),
  )
}

const WRITES = ['insert', 'update', 'delete', 'merge', 'copy-from', 'truncate', 'alter-table']
/** How the catalogs say that values of a type cause code to run. */
const TYPE_RUNS = 'the type '
/** Maintenance evaluates the expressions of indexes. */
const MAINTAINS = new Set(['vacuum', 'reindex', 'cluster', 'refresh-materialized-view', 'create-index', 'analyze'])
/** Expressions that are evaluated even where no row is written. */
const REBUILT = /^(a view|an index|statistics|the definition|the type) /
/** Statements that event triggers fire for. Source: manual, Event Trigger Firing Matrix. */
const FIRES =
  /^(create-|alter-|drop-|select-into|rename|define|comment|grant|revoke|security-label|import-|refresh-|reindex|do$|call$|analyze|reassign-owned)/
/** Kinds with a single command tag: the kind in capitals. */
const ONE_TAG = new Set([
  'create-table',
  'create-index',
  'create-view',
  'create-sequence',
  'create-schema',
  'create-function',
  'drop-table',
  'drop-index',
  'drop-view',
  'drop-sequence',
  'drop-schema',
  'drop-function',
])
