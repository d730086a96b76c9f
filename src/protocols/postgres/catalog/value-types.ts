import { wordList } from '../../../shared/word-list.ts'

/**
 * The format of a type's values, as far as data of a kind can be in them. `fixed`: no such data can; `named`: a name in text, a number in
 * binary; `label`: one of a fixed set of texts; `versioned`: in binary a text after one byte; `opaque`: the format is unknown.
 */
export type ValueType =
  | {
      readonly form:
        'fixed' | 'text' | 'json' | 'jsonb' | 'versioned' | 'bytea' | 'int8' | 'numeric' | 'float8' | 'inet'
    }
  | { readonly form: 'named' | 'label' | 'row' | 'hstore' | 'tsvector' | 'multirange' | 'opaque' }
  | { readonly form: 'array'; readonly element: number; readonly delimiter: string }
  | { readonly form: 'range'; readonly element: number }

/** By object id of the type. */
export type ValueTypes = ReadonlyMap<number, ValueType>

/**
 * From rows of object id, the function that writes the type in binary (NULL for a domain), the type that it is made of (for an array its
 * elements, for a range its bounds, for a domain its base type), and the delimiter of its arrays. The function determines the format of the
 * bytes, for types of extensions as well.
 */
export function valueTypesOf(rows: readonly (readonly (string | null)[])[]): ValueTypes {
  const types = new Map<number, ValueType>()
  const domains = new Map<number, number>()
  for (const [oid, sends, of, delimiter] of rows)
    if (sends == null) domains.set(Number(oid), Number(of ?? 0))
    else types.set(Number(oid), typeOf(sends, Number(of ?? 0), delimiter ?? ','))
  for (const [domain, base] of domains) {
    let over: number | undefined = base
    // Domains over domains; only a malicious target has a cycle of them.
    for (let depth = 0; depth < MAX_DOMAINS && domains.has(over); depth++) over = domains.get(over) ?? 0
    types.set(domain, types.get(over) ?? { form: 'opaque' })
  }
  return types
}

const MAX_DOMAINS = 100

function typeOf(sends: string, of: number, delimiter: string): ValueType {
  switch (sends) {
    case 'array_send':
    case 'oidvectorsend':
    case 'int2vectorsend':
      return { form: 'array', element: of, delimiter: sends === 'array_send' ? delimiter : ' ' }
    case 'range_send':
      return { form: 'range', element: of }
    default:
      return { form: FORMS.get(sends) ?? 'opaque' } as ValueType
  }
}

/** What built-in functions and those of well-known extensions send. Source: pg_proc.dat, and the extensions' scripts. */
const FORMS: ReadonlyMap<string, ValueType['form']> = new Map([
  ...wordList(`
    textsend varcharsend bpcharsend namesend charsend unknownsend cstring_send xml_send citextsend pg_node_tree_send
  `).map((name): [string, ValueType['form']] => [name, 'text']),
  ...wordList(`
    boolsend int2send int4send oidsend float4send date_send time_send timetz_send timestamp_send timestamptz_send
    interval_send uuid_send macaddr_send macaddr8_send bit_send varbit_send xidsend xid8send cidsend tidsend pg_lsn_send cash_send
    point_send lseg_send path_send box_send poly_send line_send circle_send void_send pg_snapshot_send txid_snapshot_send geometry_send geography_send vector_send halfvec_send
    cube_send pg_ndistinct_send pg_dependencies_send
  `).map((name): [string, ValueType['form']] => [name, 'fixed']),
  ...wordList(`
    regprocsend regproceduresend regopersend regoperatorsend regclasssend regtypesend regconfigsend regdictionarysend
    regnamespacesend regrolesend regcollationsend regdatabasesend
  `).map((name): [string, ValueType['form']] => [name, 'named']),
  ...wordList('jsonpath_send ltree_send lquery_send ltxtq_send').map((name): [string, ValueType['form']] => [
    name,
    'versioned',
  ]),
  ['enum_send', 'label'],
  ['json_send', 'json'],
  ['jsonb_send', 'jsonb'],
  ['byteasend', 'bytea'],
  ['int8send', 'int8'],
  ['numeric_send', 'numeric'],
  ['float8send', 'float8'],
  ['inet_send', 'inet'],
  ['cidr_send', 'inet'],
  ['record_send', 'row'],
  ['hstore_send', 'hstore'],
  ['tsvectorsend', 'tsvector'],
  ['multirange_send', 'multirange'],
])
