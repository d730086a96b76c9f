import { wordList } from '../../../shared/word-list.ts'
import type { Call } from '../../../sql/query.ts'
import type { Delivery } from '../../../sql/dialect.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { keyOf, type Catalog } from '../catalog/catalog.ts'
import { nativeFunctions } from './native-functions.ts'

/** Why the functions of a statement make its effect unknown; empty if none does. */
export const unknownCalls = ({ functions }: ParsedStatement, catalog: KnownFunctions): string[] =>
  functions.flatMap(({ schema, name }) => {
    if (isDeclaredSafe(schema, name, catalog)) return []
    // The server also looks for a stored function with the name of a native one if the grammar has no rule for the arguments.
    if (schema !== undefined || catalog.userFunctions.has(name))
      return [`the function ${schema === undefined ? name : `${schema}.${name}`} is user-defined and is not analysed`]
    if (!nativeFunctions(catalog.server).has(name)) return [`the function ${name} is not known`]
    return REACHES_OUT.has(name) ? [`the function ${name} can access data outside this statement`] : []
  })

/** The catalogs' information about functions. */
export type KnownFunctions = Pick<Catalog, 'server' | 'database' | 'safeRoutines' | 'userFunctions'>

function isDeclaredSafe(schema: string | undefined, name: string, { database, safeRoutines }: KnownFunctions): boolean {
  const of = schema ?? database
  return of !== undefined && safeRoutines.has(keyOf(of, name))
}

/** Whether the value of a function may come from anywhere, not only from its arguments. */
export const givesAnything = (
  schema: string | undefined,
  name: string,
  catalog: Pick<Catalog, 'server' | 'userFunctions'>,
): boolean =>
  schema !== undefined ||
  catalog.userFunctions.has(name) ||
  REACHES_OUT.has(name) ||
  FROM_ELSEWHERE.has(name) ||
  !nativeFunctions(catalog.server).has(name)

/** Functions that read files of the server, its logs, or statistics of rows. */
const REACHES_OUT: ReadonlySet<string> = new Set(wordList('load_file decode_histogram binlog_gtid_pos'))

/** Functions that return what another statement has left: a stored value, a count of rows, a position in the log. */
const FROM_ELSEWHERE: ReadonlySet<string> = new Set(
  wordList(`
  lastval master_gtid_wait master_pos_wait nextval row_count setval source_pos_wait wait_for_executed_gtid_set
`),
)

/**
 * What a call leaves where other sessions see it, or where it can be read unmasked: LAST_INSERT_ID(value) for the session, the names of
 * locks for everybody.
 */
export function deliveryOf({ name: { schema, name }, args }: Call): Delivery | undefined {
  if (schema !== undefined || args.length === 0) return undefined
  if (name === 'last_insert_id') return { kind: 'set', what: 'LAST_INSERT_ID()' }
  if (name === 'setval') return { kind: 'alter-sequence', what: 'a sequence' }
  return LOCKS.has(name) ? { kind: 'lock', what: 'the name of a lock' } : undefined
}

const LOCKS: ReadonlySet<string> = new Set(wordList('get_lock release_lock is_free_lock is_used_lock'))
