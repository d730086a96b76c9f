import { PamError } from '../../shared/errors.ts'
import type { Catalog } from './catalog.ts'
import { findRelation } from './catalog.ts'
import type { MaskingScope } from './masking-scope.ts'
import type { ParsedStatement } from './parsed-statement.ts'

/**
 * What is refused whatever the rules say: it would make the gateway read commands otherwise than the server,
 * change the account that everybody shares, or carry masked values to where they cannot be masked.
 */
export function guard(statement: ParsedStatement, catalog: Catalog, masking: MaskingScope): PamError | undefined {
  return guardSettings(statement) ?? guardAccount(statement) ?? guardMasking(statement, catalog, masking)
}

function guardSettings(statement: ParsedStatement): PamError | undefined {
  if (statement.functions.some(({ name }) => name === 'set_config')) {
    return refuse(
      'SETTING_REFUSED',
      'set_config() is not allowed here',
      'use SET, for settings that the gateway does not rely on',
    )
  }
  for (const { name, value } of statement.settings) {
    // RESET goes back to what the gateway gave at login.
    if (value === undefined || !statement.kinds.includes('set')) continue
    const pinned = PINNED[name]
    if (pinned === undefined || pinned.test(value)) continue
    return refuse(
      'SETTING_REFUSED',
      `SET ${name} is not allowed here: the gateway relies on it to read statements as the server does`,
      undefined,
    )
  }
  return undefined
}

function guardAccount(statement: ParsedStatement): PamError | undefined {
  const kind = statement.kinds.find((candidate) => ACCOUNT_KINDS.has(candidate))
  const call = statement.functions.find(({ name }) => ACCOUNT_FUNCTIONS.has(name))
  if (kind === undefined && call === undefined) return undefined
  const what = kind === undefined ? `${call?.name}()` : kind.replaceAll('-', ' ').toUpperCase()
  return refuse(
    'COMMAND_REFUSED',
    `${what} is not allowed through the gateway: the account is shared, and so are its backends`,
    undefined,
  )
}

function guardMasking(statement: ParsedStatement, catalog: Catalog, masking: MaskingScope): PamError | undefined {
  const relations = statement.reads.concat(statement.writes).map((named) => findRelation(catalog, named))
  const tainted = relations.find((relation) => relation !== undefined && masking.isTainted(relation))
  const { copy } = statement
  if (copy?.direction === 'to' && copy.binary && masking.plan.kinds.length > 0) {
    return refuse('MASKING_REFUSED', 'COPY in binary cannot be masked', 'use text or CSV')
  }
  if (tainted === undefined) return undefined
  if (copy?.direction === 'to') {
    return refuse(
      'MASKING_REFUSED',
      `COPY from ${tainted.name} would carry masked columns`,
      'select the columns instead',
    )
  }
  if (statement.kinds.some((kind) => /^(alter-|rename)/.test(kind))) {
    return refuse(
      'MASKING_REFUSED',
      `${tainted.name} has masked columns and is not altered through the gateway`,
      undefined,
    )
  }
  if (!statement.kinds.some((kind) => CARRIES.has(kind))) return undefined
  const whole = new Set([...statement.aliases, '*'])
  const isView = relations.some(
    (relation) => relation !== undefined && masking.isTainted(relation) && relation.viewOf.length > 0,
  )
  if (!isView && !statement.columns.some((column) => whole.has(column) || masking.maskedNames.has(column)))
    return undefined
  return refuse(
    'MASKING_REFUSED',
    `this would copy masked columns of ${tainted.name} to where they are not masked`,
    'leave those columns out',
  )
}

const refuse = (code: PamError['code'], message: string, hint: string | undefined): PamError =>
  new PamError(code, message, hint === undefined ? {} : { hint })

/** Settings that move how text is split or names are resolved, and the values that change nothing. */
const PINNED: Readonly<Record<string, RegExp>> = {
  client_encoding: /^(utf-?8|unicode)$/i,
  standard_conforming_strings: /^(on|true|yes|1)$/i,
  backslash_quote: /^safe_encoding$/i,
  search_path: /^$^/,
  role: /^$^/,
  session_authorization: /^$^/,
  session_replication_role: /^$^/,
  row_security: /^(on|true|yes|1)$/i,
  session_preload_libraries: /^$^/,
  local_preload_libraries: /^$^/,
  temp_tablespaces: /^$^/,
}

const ACCOUNT_KINDS = new Set([
  'alter-role',
  'alter-system',
  'alter-database',
  'commit-prepared',
  'rollback-prepared',
  'drop-owned',
  'reassign-owned',
])
const ACCOUNT_FUNCTIONS = new Set([
  'pg_terminate_backend',
  'pg_cancel_backend',
  'pg_reload_conf',
  'pg_rotate_logfile',
  'pg_promote',
])

/** Kinds that store or send what they read. */
const CARRIES = new Set([
  'insert',
  'update',
  'merge',
  'select-into',
  'create-table-as',
  'create-materialized-view',
  'notify',
])
