import { loadModule } from 'libpg-query'
import { buildCatalog } from '../../src/protocols/postgres/catalog/build-catalog.ts'
import type { CatalogRows } from '../../src/protocols/postgres/catalog/rows.ts'
import { resolveFacts } from '../../src/protocols/postgres/dialect/command-facts.ts'
import type { StatementFacts } from '../../src/protocols/postgres/dialect/statement-facts.ts'
import { MaskingScope } from '../../src/protocols/postgres/masking/scope.ts'
import type { Statement } from '../../src/sql/query.ts'
import { readSql } from './read-sql.ts'

await loadModule()

const RULE = {
  style: 'partial',
  sideChannels: 'deny',
  maxComparisons: 2,
  copying: false,
  hashScope: 'session',
} as const

/** customers (masked email), a view on it, a partition family, orders, a user function, an operator. */
export const rows: CatalogRows = {
  relations: [
    ['16400', 'public', 'customers'],
    ['16401', 'public', 'orders'],
    ['16402', 'public', 'customer_view'],
    ['16403', 'public', 'view_of_view'],
    ['16404', 'public', 'opaque_view'],
    ['16405', 'public', 'events'],
    ['16406', 'public', 'events_2026'],
    ['16407', 'other', 'orders'],
    ['16408', 'public', 'audited'],
    ['16409', 'public', 'mixing_view'],
    ['2619', 'pg_catalog', 'pg_statistic'],
    ['2620', 'pg_catalog', 'pg_stats'],
    ['1259', 'pg_catalog', 'pg_class'],
    ['12000', 'pg_catalog', 'pg_settings'],
  ],
  sources: [
    ['16402', '16400', 'view'],
    ['16403', '16402', 'view'],
    ['16404', '0', 'opaque'],
    ['16409', '16400', 'view'],
    ['2620', '2619', 'view'],
    ['16406', '16405', 'related'],
    ['16405', '16406', 'related'],
    ['16401', '16400', 'on delete'],
    ['16401', '16400', 'references'],
  ],
  columns: [
    ['16400', 'id', '1', null, null, 'int4'],
    ['16400', 'name', '2', null, null, 'text'],
    ['16400', 'email', '3', null, null, 'text'],
    ['16401', 'id', '1', null, null],
    ['16401', 'note', '2', null, null],
    ['16402', 'a', '1', null, null],
    ['16402', 'b', '2', null, null],
    ['16403', 'x', '1', null, null],
    ['16404', 'y', '1', null, null],
    ['16405', 'id', '1', null, null],
    ['16405', 'email', '2', null, null, 'text'],
    ['16406', 'email', '1', null, null, 'text'],
    ['16406', 'id', '2', null, null],
    ['16408', 'id', '1', null, null],
    ['16409', 'n', '1', null, null],
    ['2619', 'starelid', '1', null, null],
    ['2619', 'stavalues1', '2', null, null],
    ['2620', 'tablename', '1', null, null],
    ['2620', 'histogram_bounds', '2', null, null],
  ],
  definitions: [
    ['16402', 'SELECT id AS a, email AS b FROM customers'],
    ['16403', 'SELECT b AS x FROM customer_view WHERE a > 0'],
    ['16404', 'SELECT mine(1) AS y'],
    ['16409', 'SELECT a.name AS n FROM customers a JOIN customers b ON b.email = a.name'],
  ],
  unique: [['16400', 'id']],
  ties: [],
  runs: [
    ['16408', 'write', 'a trigger', 'public.mine'],
    ['16404', 'read', 'a view', 'public.mine'],
  ],
  types: [['odd']],
  functions: [
    ['upper', 'system'],
    ['row_number', 'system'],
    ['lower', 'system'],
    ['lower', 'user'],
    ['count', 'system'],
    ['now', 'system'],
    ['nextval', 'volatile'],
    ['pg_read_file', 'volatile'],
    ['query_to_xml', 'volatile'],
    ['table_to_xml', 'system'],
    ['set_config', 'volatile'],
    ['pg_terminate_backend', 'volatile'],
    ['some_new_effect', 'volatile'],
    ['mine', 'user'],
    ['fullname', 'user'],
  ],
  operators: [['=~=']],
  valueTypes: [],
  conversions: [],
  plainTypes: [],
  results: [],
  events: [],
}
export const REVIEWED = 'a'.repeat(64)
/** As the catalogs have a function of that definition. */
export const reviewed = (name: string): CatalogRows['functions'][number] => [
  name,
  'user',
  'public',
  REVIEWED,
  '20000',
  't',
]
export const catalog = buildCatalog(rows)
export const plan = {
  columns: [
    { schema: 'public', table: 'customers', column: 'email', ...RULE },
    { schema: 'public', table: 'events', column: 'email', ...RULE },
  ],
  kinds: [{ kind: 'email', style: 'partial', hashScope: 'session' }],
} as const
const trees = new Map(rows.definitions.map(([oid, text]) => [String(oid), readSql(String(text))[0]?.tree as Statement]))
export const masking = new MaskingScope(plan, catalog, trees)
export const facts = (sql: string): StatementFacts => resolveFacts(readSql(sql), catalog, masking)
