import { withSources } from '../../../sql/relation-sources.ts'
import { statementParts } from '../../../sql/parts.ts'
import type { Name, Statement } from '../../../sql/query.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { findRelation, type Catalog } from '../catalog/catalog.ts'
import type { Relation, Trigger } from '../catalog/relation.ts'

/** The effects of a statement beyond its text: tables that change along with those it names, and code that runs. */
export interface Effects {
  /** Relations that referential actions change as well. */
  readonly alsoWrites: readonly Relation[]
  /** Why its effect is unknown. */
  readonly unknown: readonly string[]
}

type Change = Trigger['event']

export function effectsOf(statement: ParsedStatement, catalog: Catalog): Effects {
  const named = (names: readonly Name[]): Relation[] => names.flatMap((name) => findRelation(catalog, name) ?? [])
  const own = withSources(named(statement.writes), catalog)
  const changed = new Map<Relation, Set<Change>>()
  const queue = changesOf(statement).flatMap((change) => own.map((relation) => ({ relation, change })))
  for (const { relation, change } of queue) {
    const before = changed.get(relation) ?? new Set()
    if (before.has(change)) continue
    changed.set(relation, before.add(change))
    for (const [action, then] of FOLLOWS[change])
      for (const oid of relation.cascades[action]) {
        const other = catalog.byOid.get(oid)
        if (other !== undefined) queue.push({ relation: other, change: then })
      }
  }
  const isOwn = new Set(own)
  // Referential actions do not fire triggers. Source: MySQL manual, FOREIGN KEY Constraints; MariaDB, Trigger Limitations.
  const fired = [...changed].flatMap(([relation, changes]) =>
    isOwn.has(relation) ? relation.triggers.filter(({ event }) => changes.has(event)) : [],
  )
  return {
    alsoWrites: [...changed.keys()].filter((relation) => !isOwn.has(relation)),
    unknown: [...new Set(fired.map(({ what }) => what))],
  }
}

/** By the operation on the rows of a table: the referential actions that it triggers, and what these do to the referring rows. */
const FOLLOWS = {
  insert: [],
  delete: [
    ['delete', 'delete'],
    // SET NULL changes columns that other tables may refer to in turn.
    ['deleteSets', 'update'],
  ],
  update: [['update', 'update']],
} as const satisfies Record<Change, readonly (readonly [keyof Relation['cascades'], Change])[]>

/** The operations that a statement may perform on rows of the tables that it writes. */
function changesOf({ kinds, tree }: ParsedStatement): readonly Change[] {
  const changes = new Set<Change>()
  for (const kind of kinds) for (const change of CHANGES.get(kind) ?? []) changes.add(change)
  // INSERT … ON DUPLICATE KEY UPDATE may do both.
  if (updatesOnConflict(tree)) changes.add('update')
  return [...changes]
}

const CHANGES: ReadonlyMap<string, readonly Change[]> = new Map<string, readonly Change[]>([
  ['insert', ['insert']],
  // An existing row with one of the new unique values is deleted first.
  ['replace', ['insert', 'delete']],
  ['load-data', ['insert', 'delete']],
  ['load-data-local', ['insert', 'delete']],
  ['update', ['update']],
  ['delete', ['delete']],
])

const updatesOnConflict = (tree: Statement): boolean =>
  (tree.kind === 'insert' && tree.conflict !== undefined) || statementParts(tree).statements.some(updatesOnConflict)
