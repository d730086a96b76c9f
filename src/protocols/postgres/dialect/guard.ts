import { PamError } from '../../../shared/errors.ts'
import { findRelation, type Catalog, type Relation } from '../catalog/catalog.ts'
import { copyTypes } from './copy-types.ts'
import { isMasked } from '../../../sql/lineage/origin.ts'
import type { MaskingScope } from '../masking/scope.ts'
import { PINNED_SETTINGS } from '../pinned-settings.ts'
import { HARMLESS_SETTINGS } from './settings.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'

/**
 * What is refused whatever the rules say: it would make the gateway read commands otherwise than the server,
 * change the account that everybody shares, or carry masked values to where they cannot be masked.
 */
export function guard(
  statement: ParsedStatement,
  catalog: Catalog,
  masking: MaskingScope,
  { readOnly, ownAccount }: GuardOptions,
): PamError | undefined {
  return (
    guardSettings(statement, catalog) ??
    (readOnly ? guardReadOnly(statement) : undefined) ??
    (ownAccount ? undefined : guardAccount(statement)) ??
    guardMasking(statement, catalog, masking)
  )
}

export interface GuardOptions {
  /** The session is read-only in the server, and stays so. */
  readonly readOnly: boolean
  /** The account belongs to these sessions alone: the rules decide about statements that change it. */
  readonly ownAccount: boolean
}

/**
 * Whatever would make the server write again: only what is understood to keep it from that passes. In a transaction RESET and TO DEFAULT
 * make it READ WRITE up to PostgreSQL 15, and session_authorization may have a default of its own. Source: manual, SET TRANSACTION and BEGIN.
 */
function guardReadOnly(statement: ParsedStatement): PamError | undefined {
  const moved = statement.settings.some(({ name, value }) =>
    name === 'transaction_read_only' || name === 'default_transaction_read_only'
      ? value === undefined
        ? name === 'transaction_read_only'
        : !KEEPS_READ_ONLY.test(value)
      : false,
  )
  if (!moved && !statement.readWrite) return undefined
  return refuse('SETTING_REFUSED', 'this session is read-only and cannot be switched to read-write', undefined)
}

function guardSettings(statement: ParsedStatement, catalog: Catalog): PamError | undefined {
  // A rule of that view calls set_config() with what is written to it.
  if (statement.writes.some((named) => showsSettings(findRelation(catalog, named), catalog))) {
    return refuse('SETTING_REFUSED', 'pg_settings is not written to through the gateway', 'use SET')
  }
  if (statement.opaqueSettings) {
    return refuse(
      'SETTING_REFUSED',
      'set_config() needs literal arguments, so that the gateway can tell which setting changes to what',
      'use SET; a parameter is possible for settings that the gateway does not rely on',
    )
  }
  if (isEvaluatedLater(statement) && statement.settings.some(({ name }) => !isFree(name))) {
    return refuse(
      'SETTING_REFUSED',
      'set_config() of a setting that the gateway relies on cannot stand in a definition, a cursor or PREPARE: it would run unseen',
      'use SET, or call set_config() in a query of its own',
    )
  }
  for (const { name, value } of statement.settings) {
    // RESET goes back to what the gateway gave at login.
    if (value === undefined || name === '*') continue
    const pinned = PINNED_SETTINGS.get(name)
    if (pinned === undefined || pinned.test(value)) continue
    return refuse(
      'SETTING_REFUSED',
      `SET ${name} is not allowed here: the gateway relies on it to read statements as the server does`,
      undefined,
    )
  }
  return undefined
}

/** Calls in it run when what it defines is used. */
const isEvaluatedLater = ({ kinds, functions }: ParsedStatement): boolean =>
  functions.some(({ name }) => name === 'set_config') && kinds.some((kind) => LATER.test(kind))
const LATER = /^(create-|alter-|prepare$|declare-cursor$|define)/

/** Settings of somebody's own, and those that nothing depends on. */
const isFree = (setting: string): boolean => setting.includes('.') || HARMLESS_SETTINGS.has(setting)

/**
 * Whether what the guard says of a statement depends on the catalogs where nothing is masked: what an UPDATE is of may be a view of
 * pg_settings. That view has a rule for UPDATE alone, and MERGE is held to be one.
 */
export const isGuardedByCatalogs = ({ kinds, writes }: ParsedStatement): boolean =>
  writes.length > 0 && kinds.some((kind) => kind === 'update' || kind === 'merge')

/** The same of a text, with the prepared statements that it runs. */
export const isTextGuardedByCatalogs = ({ parsed, executed = [] }: GuardedText): boolean =>
  parsed.some(isGuardedByCatalogs) || executed.some(isGuardedByCatalogs)

interface GuardedText {
  readonly parsed: readonly ParsedStatement[]
  readonly executed?: readonly ParsedStatement[]
}

/** pg_settings, and views of it through any number of others. */
function showsSettings(relation: Relation | undefined, catalog: Catalog): boolean {
  const all = new Set(relation === undefined ? [] : [relation])
  for (const { name, viewOf } of all) {
    if (name === 'pg_catalog.pg_settings') return true
    for (const oid of viewOf) {
      const source = catalog.byOid.get(oid)
      if (source !== undefined) all.add(source)
    }
  }
  return false
}

function guardAccount(statement: ParsedStatement): PamError | undefined {
  const kind = statement.kinds.find((candidate) => ACCOUNT_KINDS.has(candidate))
  const call = statement.functions.find(({ name }) => ACCOUNT_FUNCTIONS.has(name))
  if (kind === undefined && call === undefined) return undefined
  const what = kind === undefined ? `${call?.name}()` : kind.replaceAll('-', ' ').toUpperCase()
  return refuse(
    'COMMAND_REFUSED',
    `${what} is not allowed through the gateway: this database account is shared with other sessions`,
    undefined,
  )
}

/** Masked relations keep their names, which the rules name them by. */
function guardMasking(statement: ParsedStatement, catalog: Catalog, masking: MaskingScope): PamError | undefined {
  const { copy } = statement
  if (copy?.direction === 'to' && copy.options['format']?.toLowerCase() === 'binary' && masking.plan.kinds.length > 0) {
    const types = copyTypes(statement, catalog)?.map((oid) => oid && masking.types.get(oid))
    if (types?.every((type) => type !== undefined && type !== 0 && type.form !== 'opaque') !== true)
      return refuse(
        'MASKING_REFUSED',
        'COPY in binary is not searched for masked kinds of data where the types of its columns are not known',
        'copy columns of tables without expressions, or use text or CSV',
      )
  }
  const { masks } = masking.storage()
  const tells = masks.find(({ sideChannels }) => sideChannels !== 'allow')
  // What is defined is evaluated later, where nobody sees what it is made of.
  if (tells !== undefined && statement.kinds.some((kind) => /^(create-|alter-)/.test(kind))) {
    const call = statement.functions.find((name) => isMasked(masking.sources.stored(name)))
    if (call !== undefined)
      return refuse('MASKING_REFUSED', `${tells.name} is masked, and ${call.name}() could reveal its values`, undefined)
  }
  if (!statement.kinds.some((kind) => /^(alter-|rename)/.test(kind))) return undefined
  const { renamesSchema } = statement
  if (renamesSchema !== undefined && masking.plan.columns.some(({ schema }) => schema === renamesSchema)) {
    return refuse(
      'MASKING_REFUSED',
      `${renamesSchema} has masked columns and is not renamed through the gateway`,
      undefined,
    )
  }
  const relations = statement.reads.concat(statement.writes).map((named) => findRelation(catalog, named))
  const tainted = relations.find((relation) => relation !== undefined && masking.isTainted(relation))
  if (tainted === undefined || tainted.schema === 'pg_catalog') return undefined
  return refuse(
    'MASKING_REFUSED',
    `${tainted.name} has masked columns and cannot be altered through the gateway`,
    undefined,
  )
}

const refuse = (code: PamError['code'], message: string, hint: string | undefined): PamError =>
  new PamError(code, message, hint === undefined ? {} : { hint })

const KEEPS_READ_ONLY = /^(on|true|yes|1)$/i

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
