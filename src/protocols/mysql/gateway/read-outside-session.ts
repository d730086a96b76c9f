import type { Engine } from '../../../gateway/engine.ts'
import { keyOf, type Catalog } from '../catalog/catalog.ts'
import { newRelation } from '../catalog/relation.ts'
import { resolveFacts } from '../dialect/command-facts.ts'
import type { SqlParser } from '../dialect/sql-parser.ts'
import { SessionMemory } from '../dialect/session-memory.ts'
import { unparsed } from '../dialect/resolve-statement.ts'
import { maskingScope } from '../masking/scope.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { NOTHING_PINNED } from '../../../sql/pinned-settings.ts'
import type { ServerVersion } from '../wire/server-version.ts'

type Alone = Awaited<ReturnType<Engine['read']>>

/**
 * The facts of statements without a connection: as if everything that they name existed and nothing were masked. What only MariaDB can
 * parse is read as MariaDB does.
 */
export async function readOutsideSession(text: string, parser: SqlParser, database: string = DATABASE): Promise<Alone> {
  const [first, ...others] = SERVERS
  const read = await readAs(text, first, parser, database)
  if (!('failure' in read)) return read
  for (const server of others) {
    const other = await readAs(text, server, parser, database)
    if (!('failure' in other)) return other
  }
  return { facts: { type: 'sql', statements: [unparsed(read.failure, database)] }, refusal: undefined }
}

async function readAs(
  text: string,
  server: ServerVersion,
  parser: SqlParser,
  database: string,
): Promise<Alone | { readonly failure: string }> {
  const parsed = await parser.parse(text, {
    server,
    sqlMode: new Set(),
    database,
    multiStatements: true,
    charset: 'utf8mb4',
    foldsTableNames: false,
  })
  if ('failure' in parsed) return parsed
  const catalog = assumedCatalog(parsed, server, database)
  const { statements, refusal } = resolveFacts(
    parsed,
    catalog,
    maskingScope({ columns: [], kinds: [] }, catalog, catalog.trees),
    {
      readOnly: false,
      ownAccount: false,
      hasSessionAccount: false,
      pinned: NOTHING_PINNED,
      defaultSchema: database,
      memory: SessionMemory.NEW,
    },
  )
  return { facts: { type: 'sql', statements }, refusal }
}

function assumedCatalog(parsed: readonly ParsedStatement[], server: ServerVersion, database: string): Catalog {
  const named = parsed.flatMap(({ reads, writes }) => [...reads, ...writes])
  const relations = new Map(
    named.map(({ schema = database, name }, index) => [keyOf(schema, name), newRelation(index + 1, schema, name)]),
  )
  return {
    server,
    foldsTableNames: false,
    relations,
    byOid: new Map([...relations.values()].map((relation) => [relation.oid, relation])),
    databases: new Set([...relations.values()].map(({ schema }) => schema)),
    routines: new Map(),
    safeRoutines: new Set(),
    userFunctions: new Set(),
    trees: new Map(),
    database,
    temporary: new Set(),
  }
}

const SERVERS = [
  { flavor: 'mysql', number: 80_400, text: '8.4.0' },
  { flavor: 'mariadb', number: 110_400, text: '11.4.0-MariaDB' },
] as const satisfies readonly ServerVersion[]

/** The database of unqualified names if no target gives one: rules without a database mean the same. */
const DATABASE = 'db'
