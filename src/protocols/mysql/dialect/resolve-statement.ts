import { ANY_RELATION, type SqlStatement } from '../../../sql/statement.ts'
import { keyOf } from '../../../sql/facts/findings.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { Redefinitions } from '../../../sql/facts/redefinitions.ts'
import type { Name } from '../../../sql/query.ts'
import { withSources } from '../../../sql/relation-sources.ts'
import { findRelation, foldDatabase, foldTable, mayBeTemporary, type Catalog } from '../catalog/catalog.ts'
import type { Relation } from '../catalog/relation.ts'
import { isNotThere } from './missing-relations.ts'
import { missesWhere } from './blind-writes.ts'
import { dialectOf } from './dialect.ts'
import { effectsOf } from './effects.ts'
import { unknownCalls } from './functions.ts'
import { effectOf } from './settings.ts'

/** What the meaning of a statement depends on, besides the catalogs. */
export interface Circumstances {
  /** Why it is uncertain what names refer to. */
  readonly uncertain: readonly string[]
  readonly redefined: Redefinitions
  readonly defaultSchema: string
}

export function resolveStatement(
  statement: ParsedStatement,
  catalog: Catalog,
  { uncertain, redefined, defaultSchema }: Circumstances,
): SqlStatement {
  const effects = effectsOf(statement, catalog)
  const relations = [...statement.reads, ...statement.writes].flatMap((named) => findRelation(catalog, named) ?? [])
  const all = withSources(relations, catalog)
  return {
    ...tags(defaultSchema),
    kinds: statement.kinds,
    reads: statement.reads.map((named) => nameOf(named, catalog)),
    writes: [
      ...new Set([
        ...statement.writes.map((named) => nameOf(named, catalog)),
        ...effects.alsoWrites.map(({ name }) => name),
        ...droppedWith(statement, catalog),
      ]),
    ],
    behind: [
      ...all.filter((relation) => !relations.includes(relation)).map(({ name }) => name),
      // The rows of a view whose definition cannot be read may come from anywhere.
      ...(all.some(({ kind, viewOf, runs }) => kind === 'view' && viewOf.length === 0 && runs.length > 0)
        ? [ANY_RELATION]
        : []),
    ],
    functions: statement.functions.map(({ schema, name }) => (schema === undefined ? name : `${schema}.${name}`)),
    missingWhere: statement.missingWhere || missesWhere(statement.tree, catalog, dialectOf(catalog.server)),
    unknown: [
      ...statement.unknown,
      ...unknownCalls(statement, catalog),
      ...effects.unknown,
      ...new Set(all.flatMap(({ runs }) => runs)),
      ...unknownRelations(statement, catalog, redefined),
      ...unknownSettings(statement, catalog),
      ...doors(all),
      ...uncertain,
    ],
  }
}

/** The name in policies: as it is stored if it is known, otherwise as the server would look it up. */
function nameOf(named: Name, catalog: Catalog): string {
  const known = findRelation(catalog, named)
  if (known !== undefined) return known.name
  const database = named.schema ?? catalog.database
  return database === undefined
    ? `${UNRESOLVED}.${named.name}`
    : `${foldDatabase(database, catalog)}.${foldTable(database, named.name, catalog)}`
}

/** All tables of a dropped database. */
function droppedWith({ kinds, tree }: ParsedStatement, { byOid, ...catalog }: Catalog): string[] {
  if (!kinds.includes('drop-database') || tree.kind !== 'utility') return []
  const dropped = new Set(tree.detail.names.map((name) => foldDatabase(name, catalog)))
  return [...byOid.values()].filter(({ schema }) => dropped.size === 0 || dropped.has(schema)).map(({ name }) => name)
}

/** Tables that may be any other table under another name, including a masked one. */
const doors = (relations: readonly Relation[]): string[] =>
  relations
    .filter(({ foreign }) => foreign)
    .map(({ name }) => `the table ${name} is stored elsewhere, and may be any table under another name`)

/** Names of no known relation, and names that may refer to two. */
function unknownRelations(
  { reads, writes, makes, kinds, tree }: ParsedStatement,
  catalog: Catalog,
  redefined: Redefinitions,
): string[] {
  // A relation that does not exist is not dropped.
  const dropped = kinds.length > 0 && kinds.every((kind) => kind.startsWith('drop-'))
  // CREATE OR REPLACE creates a relation that does not exist.
  const replaced = tree.kind === 'utility' && tree.does.some((kind) => CREATES.has(kind)) ? tree.writes : []
  const fresh = new Set(makes.map(keyOf))
  return [...reads, ...writes].flatMap((name) => {
    if (dropped || fresh.has(keyOf(name)) || redefined.made(name)) return []
    const isKnown = findRelation(catalog, name) !== undefined
    if (mayBeTemporary(catalog, name))
      return isKnown
        ? [
            `${name.schema === undefined ? name.name : `${name.schema}.${name.name}`} may be the table or a temporary one that hides it`,
          ]
        : []
    return isKnown || replaced.includes(name) ? [] : [isNotThere(name)]
  })
}

const CREATES = new Set(['create-table', 'create-table-as', 'create-view'])

const unknownSettings = ({ settings }: ParsedStatement, { server }: Catalog): string[] =>
  settings.flatMap((setting) =>
    effectOf(setting, server) === 'unknown' ? [`what the setting ${setting.name} does is not known`] : [],
  )

/** A statement that could not be parsed: its effect is unknown; the reason names the position but no content. */
export const unparsed = (reason: string, defaultSchema: string): SqlStatement => ({
  ...tags(defaultSchema),
  kinds: ['unknown'],
  reads: [],
  writes: [],
  behind: [],
  functions: [],
  missingWhere: false,
  unknown: [reason],
})

/** Never the name of a database that a rule allows: an unresolved name matches only rules for everything. */
const UNRESOLVED = '?'
/** The facts that every statement has. The server's own functions have no schema. */
const tags = (defaultSchema: string): Pick<SqlStatement, 'type' | 'defaultSchema' | 'systemSchema'> => ({
  type: 'sql',
  defaultSchema,
  systemSchema: undefined,
})
