import { PamError } from '../../../shared/errors.ts'
import { findRelation, type Catalog, type Relation } from '../catalog/catalog.ts'
import { showsStoredForm } from '../catalog/counting-functions.ts'
import { copyTypes } from './copy-types.ts'
import { isMasked } from '../../../sql/lineage/origin.ts'
import type { MaskingScope } from '../masking/scope.ts'
import { PINNED_SETTINGS } from '../pinned-settings.ts'
import { HARMLESS_SETTINGS } from './settings.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { isAsStrict, pinnedRefusal, type PinnedSettings } from '../../../sql/pinned-settings.ts'
import { plainMilliseconds } from '../plain-milliseconds.ts'

/**
 * What is refused whatever the rules say: statements that would make the gateway and the server read commands differently, change the
 * account that everybody shares, or copy masked values to a place where they cannot be masked.
 */
export function guard(
  statement: ParsedStatement,
  catalog: Catalog,
  masking: MaskingScope,
  { readOnly, ownAccount, pinned }: GuardOptions,
): PamError | undefined {
  return (
    guardSettings(statement, catalog) ??
    guardPinned(statement, pinned) ??
    (readOnly ? guardReadOnly(statement) : undefined) ??
    (ownAccount ? undefined : guardAccount(statement)) ??
    guardMasking(statement, catalog, masking)
  )
}

export interface GuardOptions {
  /** The session is read-only on the server, and stays read-only. */
  readonly readOnly: boolean
  /** Nobody else uses the account: rules decide on statements that change it. */
  readonly ownAccount: boolean
  /** What the configuration of the target pins. */
  readonly pinned: PinnedSettings
}

/**
 * Refuses whatever would let the session write again: only settings known to keep it read-only pass. Up to PostgreSQL 15, RESET and TO
 * DEFAULT make a transaction READ WRITE, and session_authorization may have a default of its own. Source: manual, SET TRANSACTION and
 * BEGIN.
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
    return refuse('SETTING_REFUSED', 'writing to pg_settings is not allowed through the gateway', 'use SET')
  }
  if (statement.opaqueSettings) {
    return refuse(
      'SETTING_REFUSED',
      'set_config() needs literal arguments, so that the gateway can see which setting changes, and to what',
      'use SET; a parameter is possible for settings that the gateway does not rely on',
    )
  }
  if (isEvaluatedLater(statement) && statement.settings.some(({ name }) => !isFree(name))) {
    return refuse(
      'SETTING_REFUSED',
      'set_config() of a setting that the gateway relies on is not allowed in a definition, a cursor or PREPARE: it would run unseen',
      'use SET, or call set_config() in a query of its own',
    )
  }
  for (const { name, value } of statement.settings) {
    // RESET restores what the gateway set at login.
    if (value === undefined || name === '*') continue
    const pinned = PINNED_SETTINGS.get(name)
    if (pinned === undefined || pinned.test(value)) continue
    return refuse(
      'SETTING_REFUSED',
      `SET ${name} is not allowed here: the gateway relies on it to parse statements as the server does`,
      undefined,
    )
  }
  return undefined
}

/**
 * Refuses what would lift a setting that is pinned, wherever it stands. RESET, DISCARD ALL and TO DEFAULT go back to what the session started with,
 * which the gateway gave (manual, RESET); set_config() with a parameter could set anything.
 */
function guardPinned({ settings, functions }: ParsedStatement, pinned: PinnedSettings): PamError | undefined {
  if (pinned.size === 0) return undefined
  const isComputed = functions.some(({ name }) => name === 'set_config')
  for (const { name, value } of settings) {
    const setting = pinned.get(name)
    if (setting === undefined || (value === undefined && !isComputed)) continue
    if (value === undefined || !isAsStrict(setting, plainMilliseconds(value))) return pinnedRefusal(name, setting)
  }
  return undefined
}

/** Function calls in it run when what it defines is used. */
const isEvaluatedLater = ({ kinds, functions }: ParsedStatement): boolean =>
  functions.some(({ name }) => name === 'set_config') && kinds.some((kind) => LATER.test(kind))
const LATER = /^(create-|alter-|prepare$|declare-cursor$|define)/

/** User-defined settings, and those that nothing depends on. */
const isFree = (setting: string): boolean => setting.includes('.') || HARMLESS_SETTINGS.has(setting)

/**
 * Whether the guard's answer depends on the catalogs although nothing is masked: the table of an UPDATE may be a view of pg_settings. That
 * view has a rule for UPDATE only; MERGE is treated as one.
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

/** pg_settings, and views of it, also through other views. */
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

/** Masked relations keep their names, since rules refer to them by name. */
function guardMasking(statement: ParsedStatement, catalog: Catalog, masking: MaskingScope): PamError | undefined {
  const { copy } = statement
  if (copy?.direction === 'to' && copy.options['format']?.toLowerCase() === 'binary' && masking.plan.kinds.length > 0) {
    const types = copyTypes(statement, catalog)?.map((oid) => oid && masking.types.get(oid))
    if (types?.every((type) => type !== undefined && type !== 0 && type.form !== 'opaque') !== true)
      return refuse(
        'MASKING_REFUSED',
        'COPY in binary cannot be searched for masked kinds of data while the types of its columns are unknown',
        'copy columns of tables without expressions, or use text or CSV',
      )
  }
  const tells = masking.anything.masks.find(({ sideChannels }) => sideChannels !== 'allow')
  // A definition is evaluated later, where its origin is no longer visible. Limits of the stored size are common, and tell the length of
  // what is written.
  if (tells !== undefined && statement.kinds.some((kind) => /^(create-|alter-)/.test(kind))) {
    const call = statement.functions.find(
      (called) => !showsStoredForm(called.name) && isMasked(masking.sources.counted(called)),
    )
    if (call !== undefined)
      return refuse('MASKING_REFUSED', `${tells.name} is masked, and ${call.name}() could reveal its values`, undefined)
  }
  if (!statement.kinds.some((kind) => /^(alter-|rename)/.test(kind))) return undefined
  const { renamesSchema } = statement
  if (renamesSchema !== undefined && masking.plan.columns.some(({ schema }) => schema === renamesSchema)) {
    return refuse(
      'MASKING_REFUSED',
      `${renamesSchema} has masked columns and cannot be renamed through the gateway`,
      undefined,
    )
  }
  const relations = statement.reads.concat(statement.writes).map((named) => findRelation(catalog, named))
  const tainted = relations.find(
    (relation) => relation !== undefined && relation.schema !== 'pg_catalog' && masking.isTainted(relation),
  )
  if (tainted === undefined) return undefined
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
