import { PamError } from '../../../shared/errors.ts'
import { wordList } from '../../../shared/word-list.ts'
import type { MaskingScope } from '../../../sql/masking/masking-scope.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { isAsStrict, pinnedRefusal, type PinnedSettings } from '../../../sql/pinned-settings.ts'
import { partsOf, statementParts } from '../../../sql/parts.ts'
import type { Expression, Statement } from '../../../sql/query.ts'
import type { SqlStatement } from '../../../sql/statement.ts'
import { findRelation, foldDatabase, type Catalog } from '../catalog/catalog.ts'
import { STORAGE } from '../catalog/storage-columns.ts'
import { effectOf, movesReadOnly } from './settings.ts'

/**
 * Refuses, whatever the rules say, statements that would make the gateway read commands differently from the server, change the account
 * that all sessions share, or move masked values to where they cannot be masked.
 */
export function guard(
  statement: ParsedStatement,
  catalog: Catalog,
  masking: MaskingScope,
  { readOnly, ownAccount, hasSessionAccount, pinned }: GuardOptions,
): PamError | undefined {
  return (
    guardSettings(statement, catalog) ??
    guardPinned(statement, pinned) ??
    (readOnly ? guardReadOnly(statement) : undefined) ??
    (ownAccount ? undefined : guardAccount(statement, catalog)) ??
    (hasSessionAccount ? guardSessionAccount(statement) : undefined) ??
    (masking.plan.columns.length > 0 ? guardMasking(statement, catalog, masking) : undefined)
  )
}

export interface GuardOptions {
  /** The session is read-only on the server, and must stay so. */
  readonly readOnly: boolean
  /** Only these sessions use the account: the rules decide about statements that change it. */
  readonly ownAccount: boolean
  /** The account was created for this session, and is dropped with it. */
  readonly hasSessionAccount: boolean
  /** What the configuration of the target pins. */
  readonly pinned: PinnedSettings
}

function guardSettings({ settings }: ParsedStatement, { server }: Catalog): PamError | undefined {
  for (const setting of settings) {
    const effect = effectOf(setting, server)
    if (typeof effect === 'object') return refuse('SETTING_REFUSED', effect.refused)
  }
  return undefined
}

/**
 * What would lift a setting that is pinned: all but smaller whole numbers. DEFAULT is the value of the server, not that of the gateway; a fraction
 * may come to zero, which is no limit.
 */
function guardPinned({ settings }: ParsedStatement, pinned: PinnedSettings): PamError | undefined {
  for (const { name, value } of settings) {
    const setting = pinned.get(name)
    if (setting === undefined) continue
    if (!isAsStrict(setting, /^\d{1,10}$/.test(value ?? '') ? Number(value) : undefined))
      return pinnedRefusal(name, setting)
  }
  return undefined
}

/** Whatever would make the server write again: only what is understood to keep it from that passes. */
function guardReadOnly({ settings, readWrite }: ParsedStatement): PamError | undefined {
  return readWrite || settings.some(movesReadOnly)
    ? refuse('SETTING_REFUSED', 'this session is read-only and cannot be switched to read-write')
    : undefined
}

/**
 * A statement of unknown effect may make the session writable: a text that is run, a stored function, a statement that cannot be parsed. A
 * read-only session must stay read-only even then, whatever rules say about unknown effects.
 */
export const guardUnknown = ({ unknown }: Pick<SqlStatement, 'unknown'>, readOnly: boolean): PamError | undefined =>
  readOnly && unknown.length > 0
    ? refuse(
        'SETTING_REFUSED',
        `this session is read-only, and the effect of this statement cannot be determined (${unknown[0]})`,
      )
    : undefined

function guardAccount({ kinds, writes }: ParsedStatement, catalog: Catalog): PamError | undefined {
  const kind = kinds.find((candidate) => ACCOUNT_KINDS.has(candidate))
  const isOfAccounts = writes.some(
    ({ schema = catalog.database }) => schema !== undefined && foldDatabase(schema, catalog) === 'mysql',
  )
  if (kind === undefined && !isOfAccounts) return undefined
  return refuse(
    'COMMAND_REFUSED',
    `${kind === undefined ? 'writing to the database mysql' : kind.replaceAll('-', ' ').toUpperCase()} is not allowed through the gateway: this database account is shared with other sessions`,
  )
}

/**
 * Statements whose effect would outlast the account, or run with its privileges (manual, Stored Object Access Control; XA Transactions).
 */
function guardSessionAccount({ kinds }: ParsedStatement): PamError | undefined {
  const kind = kinds.find((candidate) => OUTLIVES_ACCOUNT.has(candidate))
  if (kind === undefined) return undefined
  const what = kind.replaceAll('-', ' ').toUpperCase()
  return kind === 'xa'
    ? refuse('COMMAND_REFUSED', `${what} is not allowed here: what is prepared outlives the account of this session`)
    : refuse(
        'COMMAND_REFUSED',
        `${what} is not allowed here: what it makes acts with the rights of the account of this session, which is dropped at its end`,
      )
}

const OUTLIVES_ACCOUNT: ReadonlySet<string> = new Set(
  wordList(`
  xa create-view alter-view create-trigger create-event alter-event create-procedure create-function create-package
`),
)

/** Statements that change the account, or the server for all its users. */
const ACCOUNT_KINDS: ReadonlySet<string> = new Set(
  wordList(`
  set-password alter-user rename-user drop-user set-default-role set-global set-persist reset-persist flush shutdown restart
`),
)

/** Masked relations must keep their names, which the rules refer to, and no code may be created that runs on their rows unobserved. */
function guardMasking(
  { kinds, reads, writes, tree }: ParsedStatement,
  catalog: Catalog,
  masking: MaskingScope,
): PamError | undefined {
  if (kinds.includes('show') && asksCounts(tree))
    return refuse(
      'MASKING_REFUSED',
      'columns are masked, and what the server counts, as the WHERE of SHOW asks, could reveal their values: name a variable with LIKE, and leave counts out',
    )
  // How many events there are is how many transactions have changed something, and how many stages a statement had depends on what it changed.
  if (kinds.includes('show-binlog') || kinds.includes('show-profile'))
    return refuse(
      'MASKING_REFUSED',
      'columns are masked, and how many rows this shows, of the binary log or of a profile, could reveal their values',
    )
  const runs = kinds.find((kind) => RUNS_LATER.has(kind))
  if (runs !== undefined)
    return refuse(
      'MASKING_REFUSED',
      `${runs.replaceAll('-', ' ').toUpperCase()} is not allowed here: what it runs later could copy masked columns`,
    )
  // BEGIN NOT ATOMIC, IF, LOOP and the like. Any value can determine which of its statements run, how many results there are and how their
  // columns are named.
  if (kinds.includes('compound'))
    return refuse(
      'MASKING_REFUSED',
      'compound statements are not allowed here: their results could reveal masked columns',
    )
  // What HANDLER READ returns, a row or none, says whether the condition or the key that it names matches.
  if (!kinds.some((kind) => /^(alter-|rename-|handler$)/.test(kind))) return undefined
  const tainted = [...reads, ...writes]
    .map((named) => findRelation(catalog, named))
    .find((relation) => relation !== undefined && relation.kind !== 'system' && masking.isTainted(relation))
  if (tainted === undefined) return undefined
  const what = kinds.includes('handler') ? 'read by HANDLER' : 'altered'
  return refuse('MASKING_REFUSED', `${tainted.name} has masked columns and cannot be ${what} through the gateway`)
}

/** Whether a WHERE of SHOW refers to columns that are hidden in its result: the returned rows would reveal them. */
function asksCounts(statement: Statement): boolean {
  const { expressions, statements } = statementParts(statement)
  const lists = statement.kind === 'utility' ? statement.detail.lists : undefined
  const isCount = (name: string): boolean =>
    lists === 'counts' || COUNTS.has(name) || (lists !== undefined && name !== 'variable_name')
  return expressions.some((node) => names(node, isCount)) || statements.some(asksCounts)
}

function names(node: Expression, isCount: (name: string) => boolean): boolean {
  if (node.kind === 'column') return isCount(node.path.at(-1)?.toLowerCase() ?? '')
  // Every subquery counts, without being searched.
  return node.kind === 'subquery' || partsOf(node).expressions.some((part) => names(part, isCount))
}

/** The names of these columns in SHOW TABLE STATUS and SHOW INDEX. */
const COUNTS: ReadonlySet<string> = new Set(['rows', ...[...STORAGE.values()].flatMap((columns) => [...columns])])

const RUNS_LATER: ReadonlySet<string> = new Set(wordList('create-trigger create-event alter-event'))

const refuse = (code: PamError['code'], message: string): PamError => new PamError(code, message)
