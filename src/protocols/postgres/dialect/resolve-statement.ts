import type { SqlStatement } from '../../../sql/statement.ts'
import { DEFAULT_SCHEMA } from '../default-schema.ts'
import { findRelation, type Catalog } from '../catalog/catalog.ts'
import { effectsOf } from './effects.ts'
import { unknownCode } from './functions.ts'
import type { Name } from '../../../sql/query.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { StatementFacts } from './statement-facts.ts'
import { unknownRelations } from './missing-relations.ts'
import { foreignTables, namesBehind } from './relations-behind.ts'
import type { Redefinitions } from '../../../sql/facts/redefinitions.ts'

export function resolveStatement(
  statement: ParsedStatement,
  catalog: Catalog,
  executed: StatementFacts | undefined,
  pathMoved: boolean,
  uncertain: readonly string[],
  redefined: Redefinitions,
  hides: boolean,
): SqlStatement {
  const isMade = (named: Name): boolean =>
    statement.makes.some(({ schema, name }) => name === named.name && schema === named.schema)
  const nameOf = (named: Name): string => {
    if (pathMoved && named.schema === undefined) return `${UNRESOLVED_SCHEMA}.${named.name}`
    // New objects are created in the first schema of the path, whatever else has their name.
    const made = isMade(named) ? creationSchema(named, statement, catalog) : undefined
    if (made !== undefined) return `${made}.${named.name}`
    return findRelation(catalog, named)?.name ?? `${named.schema ?? UNRESOLVED_SCHEMA}.${named.name}`
  }
  const effects = effectsOf(statement, catalog)
  const own: SqlStatement = {
    ...TAGS,
    kinds: statement.kinds,
    reads: statement.reads.map(nameOf),
    writes: [
      ...new Set([
        ...statement.writes.map(nameOf),
        ...effects.alsoWrites.map(({ name }) => name),
        ...renamedWith(statement, catalog),
      ]),
    ],
    behind: namesBehind(statement, catalog),
    functions: statement.functions.map(({ schema, name }) => (schema === undefined ? name : `${schema}.${name}`)),
    missingWhere: statement.missingWhere,
    unknown: [
      ...statement.unknown.filter((reason) => executed === undefined || reason !== EXECUTES),
      ...unknownCode(statement, catalog),
      ...effects.unknown,
      ...unknownRelations(statement, catalog, redefined),
      ...(hides ? foreignTables(statement, catalog) : []),
      ...uncertain,
    ],
  }
  if (executed === undefined) return own
  const others = executed.statements
  const all = (field: 'kinds' | 'reads' | 'writes' | 'behind' | 'functions' | 'unknown'): string[] => [
    ...new Set([...own[field], ...others.flatMap((other) => other[field])]),
  ]
  return {
    ...TAGS,
    kinds: all('kinds'),
    reads: all('reads'),
    writes: all('writes'),
    behind: all('behind'),
    functions: all('functions'),
    missingWhere: own.missingWhere || others.some(({ missingWhere }) => missingWhere),
    unknown: all('unknown'),
  }
}

/** The schema of a new relation that is named without one. */
function creationSchema({ schema }: Name, { tree }: ParsedStatement, { searchPath }: Catalog): string | undefined {
  if (schema !== undefined || tree.kind !== 'utility') return undefined
  if (tree.detail.temporary) return 'pg_temp'
  return searchPath.find((candidate) => !candidate.startsWith('pg_temp_') && candidate !== 'pg_catalog')
}

/** Relations that are renamed along with their schema. */
const renamedWith = ({ renamesSchema }: ParsedStatement, catalog: Catalog): string[] =>
  renamesSchema === undefined
    ? []
    : [...catalog.byOid.values()].filter(({ schema }) => schema === renamesSchema).map(({ name }) => name)

/** A statement that could not be parsed: its effect is unknown; the reason names the position but no content. */
export const unparsed = (reason: string): SqlStatement => ({
  ...TAGS,
  kinds: ['unknown'],
  reads: [],
  writes: [],
  behind: [],
  functions: [],
  missingWhere: false,
  unknown: [reason],
})

/** Never the name of a schema that a rule allows: an unresolved name matches only rules for everything. */
const UNRESOLVED_SCHEMA = '?'
/** The parser's reason for an EXECUTE of an unknown statement. */
export const EXECUTES = 'EXECUTE runs a statement that was prepared earlier'

/** The facts that every statement has. */
const TAGS = { type: 'sql', defaultSchema: DEFAULT_SCHEMA, systemSchema: 'pg_catalog' } as const
