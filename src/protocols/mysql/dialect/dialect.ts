import { wordList } from '../../../shared/word-list.ts'
import type { Dialect, Utilities } from '../../../sql/dialect.ts'
import type { ServerVersion } from '../wire/server-version.ts'
import { conditions } from './conditions.ts'
import { deliveryOf } from './functions.ts'
import { totalsOf } from './total-functions.ts'

const ROWS: ReadonlyMap<string, ReturnType<Utilities['rowsOf']>> = new Map([
  // SET STATEMENT … FOR gives what that statement gives.
  ...each('prepare set set-user-variable set-global set-persist', 'own-query'),
  ...each('create-view alter-view', 'none'),
  ...each(
    `begin commit rollback savepoint release rollback-to set-transaction set-role set-default-role set-password use lock unlock
    deallocate kill reset do signal`,
    'none',
  ),
  // Names, definitions, settings and privileges: nothing of any row.
  ...each('show describe help show-grants show-create-user xa', 'unmasked'),
])

const VALUES: ReadonlyMap<string, ReturnType<Utilities['valuesOf']>> = new Map([
  ...each('show show-processlist show-warnings show-binlog show-profile', 'decide'),
  ...each('set set-user-variable set-global set-persist', 'stored'),
  // What the procedure does with its arguments is not known in any case.
  ...each('do call', 'dropped'),
])

/**
 * Statements that are neither queries nor writes, by their kind as policies call it. What is not here may give rows made of anything: the
 * server has statements that show samples of rows, texts of others' statements, and the warnings of the one before.
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

/** There are not more of them than servers have versions that somebody configured. */
const dialects = new Map<string, Dialect>()

/** MySQL or MariaDB of this version, as the shared reading of SQL asks for it. */
export function dialectOf(server: ServerVersion): Dialect {
  const key = `${server.flavor} ${server.number}`
  const known = dialects.get(key) ?? makeDialect(server)
  dialects.set(key, known)
  return known
}

const makeDialect = (server: ServerVersion): Dialect => ({
  types: { boolean: 'int', text: 'varchar', row: 'row' },
  // No table has columns that no star shows, but those of InnoDB that nothing can name.
  systemColumns: new Map(),
  // MAX_FIELDS in the servers' unireg.h and field.h.
  maxColumns: 4096,
  targetsAreNamed: true,
  names: {
    isSystem: ({ schema }) => schema === undefined,
    isSamplingMethod: () => false,
    elementType: (type) => type,
    // Values are converted by the server alone: nobody can define how.
    constantTypes: { text: [], null: [], boolean: [], integer: [], number: [], bits: [] },
  },
  // SET is a statement, and no function does what it does.
  settingOf: () => undefined,
  deliveryOf,
  totals: totalsOf(server),
  utilities,
  conditions,
})
