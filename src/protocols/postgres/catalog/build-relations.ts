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
    const own = columns.get(oid) ?? []
    const ofUserType = own.flatMap(([, , , , type]) => (type != null && userTypes.has(type) ? [type] : []))
    const relation: Relation = {
      oid,
      schema: String(schema),
      name: `${schema}.${name}`,
      viewOf: edgesOf('view', oid),
      related: edgesOf('related', oid),
      columns: new Map(own.map(([, column, number]) => [String(column), Number(number)])),
      types: new Map(own.flatMap(([, column, , , , type]) => (type == null ? [] : [[String(column), type]]))),
      collated: new Set(own.flatMap(([, column, , , , , , collated]) => (collated == null ? [] : [String(column)]))),
      exact: new Set(
        own.flatMap(([, column, , , , type, , collated]) =>
          collated !== 'u' && EXACT_TYPES.has(String(type)) ? [String(column)] : [],
        ),
      ),
      typeOids: new Map(own.map(([, column, , , , , oid]) => [String(column), Number(oid ?? 0)])),
      // System views call built-in functions.
      opaque: edgesOf('opaque', oid).length > 0 && oid >= FIRST_USER_OID,
      foreign: kind === 'f',
      definition: definitions.get(oid),
      generated: new Map(
        own.flatMap(([, column, , generated]) => (generated == null ? [] : [[String(column), generated]])),
      ),
      unique: new Set((unique.get(oid) ?? []).map(([, column]) => String(column))),
      ties: ties.get(oid) ?? [],
      runs: [
        ...(runs.get(oid) ?? [])
          .filter(([, , , called]) => !safe.has(String(called)))
          .map(([, when, what, called, body]) => ({
            when: when as 'read' | 'write',
            body: String(body),
            what: called === '' ? `${what} of ${name}` : `${what} of ${name} runs ${called}`,
          })),
        ...ofUserType.map((type) => ({
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
