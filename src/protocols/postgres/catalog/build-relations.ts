import { WireError } from '../../../wire/wire-error.ts'
import type { Work } from '../../../shared/slices.ts'
import { wordList } from '../../../shared/word-list.ts'
import { tiesOf } from './ties.ts'
import { type Relation, keyOf, FIRST_USER_OID } from './catalog.ts'
import type { Row, CatalogRows, RelationRows } from './rows.ts'

/** Builds the relations, each with its name. */
export function* makeRelations(
  rows: RelationRows & Pick<CatalogRows, 'types'>,
  safe: ReadonlySet<string>,
): Work<readonly (readonly [string, Relation])[]> {
  const edges = new Map<string, Map<number, number[]>>()
  for (const [from, to, mark] of rows.sources) {
    yield
    const kind = String(mark)
    const map = edges.get(kind) ?? new Map<number, number[]>()
    edges.set(kind, map)
    // A reference works from the referenced table to the one that refers to it.
    if (kind === 'references' || kind.startsWith('on ')) pushTo(map, Number(to), Number(from))
    else pushTo(map, Number(from), Number(to))
  }
  const edgesOf = (kind: string, oid: number): readonly number[] => edges.get(kind)?.get(oid) ?? []
  const columns = yield* group(rows.columns)
  for (const own of columns.values())
    if (own.length > MAX_COLUMNS) throw new WireError('the catalogs: a relation with more columns than there can be')
  const unique = yield* group(rows.unique)
  const ties = tiesOf(rows.ties)
  const runs = yield* group(rows.runs)
  const definitions = new Map(rows.definitions.map(([oid, text]) => [Number(oid), text ?? undefined]))
  const userTypes = userTypesOf(rows, safe)
  const made: (readonly [string, Relation])[] = []
  for (const [oidText, schema, name, kind] of rows.relations) {
    yield
    const oid = Number(oidText)
    const own = columns.get(oid)
    const ofColumns = own === undefined ? NO_COLUMNS : columnsOf(own, userTypes)
    const relation: Relation = {
      oid,
      schema: String(schema),
      name: `${schema}.${name}`,
      viewOf: edgesOf('view', oid),
      related: edgesOf('related', oid),
      columns: ofColumns.columns,
      types: ofColumns.types,
      collated: ofColumns.collated,
      exact: ofColumns.exact,
      typeOids: ofColumns.typeOids,
      // System views call built-in functions.
      opaque: edgesOf('opaque', oid).length > 0 && oid >= FIRST_USER_OID,
      ...(edgesOf('counts', oid).length > 0 && oid >= FIRST_USER_OID ? { counts: true } : {}),
      ...(ofColumns.counting === undefined ? {} : { counting: ofColumns.counting }),
      foreign: kind === 'f',
      definition: definitions.get(oid),
      generated: ofColumns.generated,
      unique: namesIn(unique.get(oid)),
      ties: ties.get(oid) ?? [],
      runs: [
        ...(runs.get(oid) ?? [])
          .filter(([, , , called]) => !safe.has(String(called)))
          .map(([, when, what, called, body]) => ({
            when: when as 'read' | 'write',
            body: String(body),
            what: called === '' ? `${what} of ${name}` : `${what} of ${name} runs ${called}`,
          })),
        ...ofColumns.ofUserType.map((type) => ({
          when: 'write' as const,
          body: '',
          what: `the type ${type} runs user-defined code`,
        })),
      ],
      indexOf: edgesOf('index', oid),
      cascades: {
        delete: edgesOf('on delete', oid),
        deleteSets: edgesOf('on delete set', oid),
        update: edgesOf('on update', oid),
        truncate: edgesOf('references', oid),
      },
    }
    made.push([keyOf(relation.schema, String(name)), relation])
  }
  return made
}

/** What a relation says about its columns. */
type OfColumns = Required<Pick<Relation, 'columns' | 'types' | 'collated' | 'exact' | 'typeOids' | 'generated'>> & {
  /** Those whose default may count changes. */
  readonly counting: ReadonlySet<string> | undefined
  /** The user-defined types of its columns that run code. */
  readonly ofUserType: readonly string[]
}

function columnsOf(own: readonly Row[], userTypes: ReadonlySet<string>): OfColumns {
  const columns = new Map<string, number>()
  const types = new Map<string, string>()
  const typeOids = new Map<string, number>()
  let generated: Map<string, string> | undefined
  let collated: Set<string> | undefined
  let counting: Set<string> | undefined
  const exact = new Set<string>()
  const ofUserType: string[] = []
  for (const [, name, number, how, ofUser, type, typeOid, collation, counts] of own) {
    const column = String(name)
    columns.set(column, Number(number))
    typeOids.set(column, Number(typeOid ?? 0))
    if (how != null) generated = (generated ?? new Map<string, string>()).set(column, how)
    if (ofUser != null && userTypes.has(ofUser)) ofUserType.push(ofUser)
    if (type != null) types.set(column, type)
    if (collation != null) collated = (collated ?? new Set<string>()).add(column)
    if (counts != null) counting = (counting ?? new Set<string>()).add(column)
    if (collation !== 'u' && EXACT_TYPES.has(String(type))) exact.add(column)
  }
  return {
    columns,
    types,
    collated: collated ?? NO_NAMES,
    exact,
    typeOids,
    generated: generated ?? NO_COLUMNS.generated,
    counting,
    ofUserType,
  }
}

const namesIn = (rows: readonly Row[] | undefined): ReadonlySet<string> =>
  rows === undefined ? NO_NAMES : new Set(rows.map(([, name]) => String(name)))

const NO_NAMES: ReadonlySet<string> = new Set()
/** Of a relation without columns that can be named, such as an index. */
const NO_COLUMNS: OfColumns = {
  columns: new Map(),
  types: new Map(),
  collated: NO_NAMES,
  exact: NO_NAMES,
  typeOids: new Map(),
  generated: new Map(),
  counting: undefined,
  ofUserType: [],
}

export const userTypesOf = ({ types }: Pick<CatalogRows, 'types'>, safe: ReadonlySet<string>): ReadonlySet<string> =>
  new Set(types.flatMap(([name, runs]) => (safe.has(String(runs)) ? [] : [String(name)])))

/** Groups rows by the object id in their first field. */
function* group(rows: readonly Row[]): Work<ReadonlyMap<number, Row[]>> {
  const groups = new Map<number, Row[]>()
  for (const row of rows) {
    yield
    pushTo(groups, Number(row[0]), row)
  }
  return groups
}

export function pushTo<K, T>(map: Map<K, T[]>, key: K, value: T): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

/** Other types, such as numeric, float and char, may have different texts for equal values. */
const EXACT_TYPES = new Set(wordList('int2 int4 int8 oid bool text varchar name date timestamp timestamptz uuid bytea'))
/** MaxHeapAttributeNumber in the server's htup_details.h. */
const MAX_COLUMNS = 1600
