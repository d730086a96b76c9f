import { wordList } from '../../../shared/word-list.ts'

/** A row of a catalog, as text, by column. */
export type TableRow = Readonly<Record<string, string | null>>

/** The part of one of the server's catalogs that is read: the rows of user-defined objects, and those that lead to them. */
export interface CatalogTable {
  /** Columns that identify a row. Empty: only its location (`ctid`) identifies it. */
  readonly key: readonly string[]
  /** Columns, with their expressions over `t`. */
  readonly columns: Readonly<Record<string, string>>
  readonly where: string
}

/** Columns that show a function by name unless they are converted to its object id. */
const FUNCTIONS = new Set(
  wordList(`
  typinput typoutput typreceive typsend typmodin typmodout typanalyze typsubscript oprcode oprrest oprjoin amproc rngcanonical
  rngsubdiff trffromsql trftosql
`),
)
const same = (text: string): Record<string, string> =>
  Object.fromEntries(
    wordList(text).map((column) => [column, FUNCTIONS.has(column) ? `t.${column}::pg_catalog.oid` : `t.${column}`]),
  )
const user = (column = 'oid'): string => `t.${column} operator(pg_catalog.>=) 16384::pg_catalog.oid`
const anyUser = (columns: string): string =>
  wordList(columns)
    .map((column) => user(column).replace(`t.${column}`, `t.${column}::pg_catalog.oid`))
    .join(' or ')
const isTrue = (expression: string): string => `case when ${expression} then 't' end`
/**
 * Names and volatility of the built-in functions that an expression calls, except for immutable ones: `pg_depend` does not record pinned
 * objects. A space within a name is escaped in the text of a tree, so that no name can look like a field.
 */
const calls = (tree: string): string =>
  `(select pg_catalog.string_agg(distinct pg_catalog.concat(p.proname, ' ', p.provolatile), ',') from pg_catalog.unnest((pg_catalog.string_to_array(${tree}, ':funcid '))[2:]) part(text) join pg_catalog.pg_proc p on p.oid operator(pg_catalog.=) pg_catalog.split_part(part.text, ' ', 1)::pg_catalog.oid where p.oid operator(pg_catalog.<) 16384::pg_catalog.oid and p.provolatile operator(pg_catalog.<>) 'i'::pg_catalog."char")`

/**
 * Object ids of the pinned relations that a query reads: `pg_depend` does not record these, and all system catalogs are pinned
 * (IsPinnedObject, in the server's catalog.c). A blank within a name is escaped, as above.
 */
const pinnedIn = (tree: string): string =>
  `(select pg_catalog.string_agg(distinct r.oid::pg_catalog.text, ' ') from pg_catalog.unnest((pg_catalog.string_to_array(${tree}, ':relid '))[2:]) part(text) join pg_catalog.pg_class r on r.oid operator(pg_catalog.=) pg_catalog.split_part(part.text, ' ', 1)::pg_catalog.oid where r.oid operator(pg_catalog.<) 12000::pg_catalog.oid)`
/** Numbers of the columns that an expression names, of whatever relation; 0 is the whole row. */
const columnsIn = (tree: string): string =>
  `(select pg_catalog.string_agg(distinct m.found[1], ' ') from pg_catalog.regexp_matches(${tree}, ':varattno (-?[0-9]+)', 'g') m(found))`
const POLICY = 'pg_catalog.concat(t.polqual::pg_catalog.text, t.polwithcheck::pg_catalog.text)'

/** Everything that can be run, shown or named, by catalog. Columns that a version does not have are omitted from its queries. */
export function catalogTables(version: number): Readonly<Record<string, CatalogTable>> {
  const known = tablesByVersion.get(version)
  if (known !== undefined) return known
  const all = {
    ...RELATIONS,
    pg_type: typeTable(version),
    pg_proc: functionTable(version),
    ...OPERATORS,
    pg_range: rangeTable(version),
    ...DEFINITIONS,
    ...OTHERS,
  }
  tablesByVersion.set(version, all)
  return all
}

const tablesByVersion = new Map<number, Readonly<Record<string, CatalogTable>>>()

/** Classes of objects by the name of their catalog, with their object ids in `pg_depend`: they are the same in every database. */
export const CLASSES: Readonly<Record<string, string>> = {
  pg_type: '1247',
  pg_proc: '1255',
  pg_class: '1259',
  pg_foreign_server: '1417',
  pg_foreign_data_wrapper: '2328',
  pg_amop: '2602',
  pg_amproc: '2603',
  pg_attrdef: '2604',
  pg_cast: '2605',
  pg_constraint: '2606',
  pg_namespace: '2615',
  pg_opclass: '2616',
  pg_operator: '2617',
  pg_rewrite: '2618',
  pg_trigger: '2620',
  pg_language: '2612',
  pg_opfamily: '2753',
  pg_extension: '3079',
  pg_policy: '3256',
  pg_statistic_ext: '3381',
  pg_collation: '3456',
  pg_transform: '3576',
  pg_ts_dict: '3600',
  pg_ts_parser: '3601',
  pg_ts_config: '3602',
  pg_ts_template: '3764',
  pg_am: '2601',
}

/** Classes of objects for which the gateway checks whether they belong to an extension. */
const MEMBERS = ['pg_proc', 'pg_operator', 'pg_type'] as const

/** Relations, and their columns. */
const RELATIONS = {
  pg_namespace: { key: ['oid'], columns: same('oid nspname'), where: 'true' },
  pg_class: {
    key: ['oid'],
    columns: { ...same('oid relname relnamespace relkind'), secured: isTrue('t.relrowsecurity') },
    where: `${user()} and t.relkind operator(pg_catalog.<>) 't'::pg_catalog."char"`,
  },
  pg_attribute: {
    key: ['attrelid', 'attnum'],
    columns: {
      ...same('attrelid attnum attname atttypid attgenerated'),
      dropped: isTrue('t.attisdropped'),
      required: isTrue('t.attnotnull'),
      // Has a user-defined collation, or a built-in one other than the default, which is 100.
      collated: `case when ${user('attcollation')} then 'u' when t.attcollation operator(pg_catalog.<>) all ('{0,100}'::pg_catalog.oid[]) then 's' end`,
    },
    where: `t.attnum operator(pg_catalog.>) 0 and (${user('attrelid')} or t.attrelid operator(pg_catalog.=) any (array(select c.oid from pg_catalog.pg_class c where c.relnamespace operator(pg_catalog.=) 'pg_catalog'::pg_catalog.regnamespace and c.relkind operator(pg_catalog.=) any ('{r,v}'::pg_catalog."char"[]))))`,
  },
  pg_attrdef: {
    key: ['oid'],
    columns: { ...same('oid adrelid adnum'), calls: calls('t.adbin::pg_catalog.text') },
    where: user(),
  },
} satisfies Readonly<Record<string, CatalogTable>>

/** Types, including built-in ones: columns are shown with the names of their types, and users may add operators to built-in types. */
const typeTable = (version: number): CatalogTable => ({
  key: ['oid'],
  columns: {
    ...same(
      `oid typname typnamespace typtype typelem typdelim typrelid typbasetype typinput typoutput typreceive typsend typmodin typmodout typanalyze ${version >= 140000 ? 'typsubscript' : ''}`,
    ),
    // Built-in functions are not copied, and keep their names.
    sends: '(select p.proname from pg_catalog.pg_proc p where p.oid operator(pg_catalog.=) t.typsend::pg_catalog.oid)',
    calls: calls('t.typdefaultbin::pg_catalog.text'),
  },
  where: 'true',
})

/** Functions, procedures and aggregates. */
const functionTable = (version: number): CatalogTable => ({
  key: ['oid'],
  columns: {
    ...same('oid proname pronamespace prolang proowner prorettype probin'),
    arguments: `t.proargtypes::pg_catalog.text`,
    // A body that is stored as a tree has the object id of its own row type, which differs between databases.
    source: `case when t.prolang operator(pg_catalog.=) any ('{12,13}'::pg_catalog.oid[]) then t.prosrc when t.prolang operator(pg_catalog.=) 14::pg_catalog.oid then pg_catalog.md5(pg_catalog.concat_ws(' ', t.prosrc${version >= 140000 ? `, pg_catalog.replace(coalesce(t.prosqlbody::pg_catalog.text, ''), pg_catalog.split_part(t.proargtypes::pg_catalog.text, ' ', 1), '?')` : `, ''`})) end`,
    altered: isTrue(
      't.prosecdef or t.proconfig is not null or t.prosupport::pg_catalog.oid operator(pg_catalog.>=) 16384::pg_catalog.oid',
    ),
    body: `pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.json_build_array(${definitionOf(version)})::pg_catalog.text, pg_catalog.getdatabaseencoding())), 'hex')`,
    // The session does not determine what it calls: the function sets a search path in which temporary relations are last, or was bound
    // when it was created, or has no text. What an aggregate calls is recorded elsewhere.
    settled: isTrue(
      `t.prokind operator(pg_catalog.<>) 'a'::pg_catalog."char" and (t.prolang operator(pg_catalog.=) any ('{12,13}'::pg_catalog.oid[]) or exists (select from pg_catalog.unnest(t.proconfig) setting(text) where setting.text operator(pg_catalog.~) '^search_path=(""|(.*, )?pg_temp)$')${version >= 140000 ? ' or t.prosqlbody is not null' : ''})`,
    ),
  },
  where: user(),
})

/**
 * Everything about a function except its object id, its privileges and its planner estimates; other objects by id, so that another object
 * of the same name differs.
 */
const definitionOf = (version: number): string =>
  wordList(
    `proname pronamespace proowner prolang prokind prosecdef proleakproof proisstrict proretset provolatile provariadic prosupport prorettype proargtypes proallargtypes proargmodes proargnames proargdefaults protrftypes prosrc probin proconfig ${version >= 140000 ? 'prosqlbody' : ''}`,
  )
    .map((column) => `${column === 'prosupport' ? 't.prosupport::pg_catalog.oid' : `t.${column}`}::pg_catalog.text`)
    .join(', ')

/** Operators, casts, and what uses them for sorting and indexing. */
const OPERATORS = {
  pg_operator: {
    key: ['oid'],
    columns: same('oid oprname oprnamespace oprowner oprleft oprright oprresult oprcode oprrest oprjoin'),
    where: anyUser('oid oprcode oprrest oprjoin'),
  },
  pg_cast: {
    key: ['oid'],
    columns: same('oid castsource casttarget castfunc castcontext'),
    where: anyUser('oid castfunc'),
  },
  pg_opclass: {
    key: ['oid'],
    columns: { ...same('oid opcname opcintype opckeytype opcfamily'), default: isTrue('t.opcdefault') },
    where: user(),
  },
  pg_amop: {
    key: ['oid'],
    columns: same('oid amopfamily amoplefttype amoprighttype amopopr'),
    where: anyUser('oid amopopr'),
  },
  pg_amproc: {
    key: ['oid'],
    columns: same('oid amprocfamily amproclefttype amprocrighttype amproc'),
    where: anyUser('oid amproc'),
  },
} satisfies Readonly<Record<string, CatalogTable>>

/** Range types, including built-in ones: the format of every type is needed. */
const rangeTable = (version: number): CatalogTable => ({
  key: ['rngtypid'],
  columns: same(`rngtypid rngsubtype rngsubopc rngcanonical rngsubdiff ${version >= 140000 ? 'rngmultitypid' : ''}`),
  where: 'true',
})

/** Objects that belong to a relation, a type or a column, and compute something or are computed with it. */
const DEFINITIONS = {
  pg_transform: { key: ['oid'], columns: same('oid trftype trffromsql trftosql'), where: user() },
  pg_rewrite: {
    key: ['oid'],
    columns: {
      ...same('oid ev_class rulename'),
      digest: 'pg_catalog.md5(t.ev_action::pg_catalog.text)',
      calls: calls('pg_catalog.concat(t.ev_qual::pg_catalog.text, t.ev_action::pg_catalog.text)'),
      pinned: pinnedIn('pg_catalog.concat(t.ev_qual::pg_catalog.text, t.ev_action::pg_catalog.text)'),
    },
    where: user('ev_class'),
  },
  // Its condition may run code even if its function does not.
  pg_trigger: {
    key: ['oid'],
    columns: {
      ...same('oid tgrelid tgfoid'),
      internal: isTrue('t.tgisinternal'),
      calls: calls('t.tgqual::pg_catalog.text'),
    },
    where: `(${user()} and not t.tgisinternal) or (${anyUser('tgfoid')})`,
  },
  pg_constraint: {
    key: ['oid'],
    columns: {
      ...same('oid conrelid contypid confrelid contype confdeltype confupdtype'),
      columns: `pg_catalog.array_to_string(t.conkey, ' ')`,
      referenced: `pg_catalog.array_to_string(t.confkey, ' ')`,
      local: isTrue('t.coninhcount operator(pg_catalog.=) 0'),
      kept: isTrue('t.connoinherit'),
      calls: calls('t.conbin::pg_catalog.text'),
    },
    where: user(),
  },
  pg_index: {
    key: ['indexrelid'],
    columns: {
      ...same('indexrelid indrelid'),
      unique: isTrue('t.indisunique or t.indisexclusion'),
      computed: isTrue('t.indexprs is not null or t.indpred is not null'),
      columns: 't.indkey::pg_catalog.text',
      clustered: isTrue('t.indisclustered'),
      // Numbers of the columns that decide whether a row is in the index; 0 is the whole row.
      predicate: `case when t.indpred is not null then ${columnsIn('t.indpred::pg_catalog.text')} end`,
    },
    where: user('indexrelid'),
  },
  pg_inherits: { key: ['inhrelid', 'inhseqno'], columns: same('inhrelid inhseqno inhparent'), where: 'true' },
  pg_policy: {
    key: ['oid'],
    columns: {
      ...same('oid polrelid'),
      calls: calls(POLICY),
      // Whether it refers to whole rows.
      rows: isTrue(`${POLICY} operator(pg_catalog.~) ':varattno 0 '`),
      pinned: pinnedIn(POLICY),
      columns: columnsIn(POLICY),
    },
    where: user(),
  },
  pg_statistic_ext: { key: ['oid'], columns: same('oid stxrelid'), where: user() },
} satisfies Readonly<Record<string, CatalogTable>>

/** Objects that do not belong to a relation, and dependencies. */
const OTHERS = {
  pg_event_trigger: {
    key: ['oid'],
    columns: { ...same('oid evtname evtevent evtfoid evtenabled'), tags: 't.evttags::pg_catalog.text' },
    where: 'true',
  },
  pg_language: { key: ['oid'], columns: same('oid lanname lanplcallfoid laninline lanvalidator'), where: user() },
  pg_foreign_data_wrapper: { key: ['oid'], columns: same('oid fdwname fdwhandler fdwvalidator'), where: user() },
  pg_extension: { key: ['oid'], columns: same('oid extname'), where: 'true' },
  // The parts of expressions, and the members of extensions. Rows have no key: the same dependency may occur twice.
  pg_depend: {
    key: [],
    columns: same('classid objid objsubid refclassid refobjid refobjsubid deptype'),
    where: `${user('objid')} and t.refclassid operator(pg_catalog.<>) 'pg_catalog.pg_namespace'::pg_catalog.regclass and t.deptype operator(pg_catalog.<>) 'x'::pg_catalog."char" and (t.deptype operator(pg_catalog.<>) 'e'::pg_catalog."char" or t.classid operator(pg_catalog.=) any ('{${MEMBERS.map((name) => CLASSES[name]).join(',')}}'::pg_catalog.oid[]))`,
  },
} satisfies Readonly<Record<string, CatalogTable>>
