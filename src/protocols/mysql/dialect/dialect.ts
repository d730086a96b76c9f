import { wordList } from '../../../shared/word-list.ts'
import type { Dialect, Utilities } from '../../../sql/dialect.ts'
import type { ServerVersion } from '../wire/server-version.ts'
import { conditions } from './conditions.ts'
import { deliveryOf } from './functions.ts'
import { totalsOf } from './total-functions.ts'

const ROWS: ReadonlyMap<string, ReturnType<Utilities['rowsOf']>> = new Map([
  // SET STATEMENT … FOR returns what that statement returns.
  ...each('prepare set set-user-variable set-global set-persist', 'own-query'),
  ...each('create-view alter-view', 'none'),
  ...each(
    `begin commit rollback savepoint release rollback-to set-transaction set-role set-default-role set-password use lock unlock
    deallocate kill reset do signal`,
    'none',
  ),
  // Names, definitions, settings and privileges: no content of rows.
  ...each('show describe help show-grants show-create-user xa', 'unmasked'),
])

const VALUES: ReadonlyMap<string, ReturnType<Utilities['valuesOf']>> = new Map([
  ...each('show show-processlist show-warnings show-binlog show-profile', 'decide'),
  ...each('set set-user-variable set-global set-persist', 'stored'),
  // The effect of the procedure on its arguments is unknown in any case.
  ...each('do call', 'dropped'),
])

/**
 * Statements that are neither queries nor writes, by their kind in policies. Any other kind may return rows made of anything: the server
 * has statements that show samples of rows, statements of other sessions, and the warnings of the previous statement.
 */
const utilities: Utilities = {
  rowsOf: (kind) => ROWS.get(kind) ?? (DEFINES.test(kind) ? 'definition' : 'anything'),
  valuesOf: (kind) => VALUES.get(kind) ?? (DEFINES.test(kind) ? 'unread' : 'given'),
  computes: new Map([
    ['create-index', 'an index'],
    ['create-trigger', 'a trigger'],
    ['create-event', 'an event'],
  ]),
  changesConversion: new Set(),
}

const DEFINES = /^(create|alter|drop|rename|truncate)(-|$)/

function each<T extends string>(names: string, value: T): [string, T][] {
  return wordList(names).map((name) => [name, value])
}

/** There are at most as many as versions of configured servers. */
const dialects = new Map<string, Dialect>()

/** MySQL or MariaDB of this version, for the analysis that all SQL dialects share. */
export function dialectOf(server: ServerVersion): Dialect {
  const key = `${server.flavor} ${server.number}`
  const known = dialects.get(key) ?? makeDialect(server)
  dialects.set(key, known)
  return known
}

const makeDialect = (server: ServerVersion): Dialect => ({
  types: { boolean: 'int', text: 'varchar', row: 'row' },
  // No table has columns that `*` omits, except for those of InnoDB, which no statement can name.
  systemColumns: new Map(),
  // MAX_FIELDS in the servers' unireg.h and field.h.
  maxColumns: 4096,
  targetsAreNamed: true,
  names: {
    isSystem: ({ schema }) => schema === undefined,
    isSamplingMethod: () => false,
    elementType: (type) => type,
    // Only the server itself converts values: users cannot define conversions.
    constantTypes: { text: [], null: [], boolean: [], integer: [], number: [], bits: [] },
  },
  // SET is a statement, and no function is equivalent to it.
  settingOf: () => undefined,
  deliveryOf,
  totals: totalsOf(server),
  utilities,
  conditions,
})
