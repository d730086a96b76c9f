import { asError, reasonOf } from '../../../../shared/errors.ts'
import { close } from '../../wire/close.ts'
import { FLUSH, SYNC } from '../../wire/client-message.ts'
import { parse } from '../../wire/parse.ts'
import { encodeMessage } from '../../wire/server-message.ts'
import type { PipelineState } from '../pipeline/pipeline-state.ts'
import {
  closeLeft,
  extendedQuery,
  newSavepoint,
  OWN_NAME,
  OwnQueryFailed,
  ownQuery,
} from '../pipeline/gateway-query.ts'
import type { OwnRows } from '../pipeline/pending.ts'
import type { QueryText } from './ask-text.ts'

/** The tree that the server made of a text, as it prints it; or the SQLSTATE and text of the error if it made none. */
export type Answer =
  { readonly tree: string } | { readonly error: string; readonly text: string; readonly isShown: boolean }

/**
 * Makes the server analyse a query in the client's own session, between its statements: with its settings, temporary tables and uncommitted
 * definitions. The query is prepared under a name of the gateway's own, which is dropped again; it is neither planned nor run.
 * `debug_print_parse` makes the server print what it understood, for this question only.
 *
 * An error must not end the client's transaction: in a block the question runs in a savepoint, outside a block as a transaction of its own.
 * Between the messages of a pipeline without a block nothing can be undone. There the client gets the error, as its own Parse of the same
 * text would have returned it.
 */
export async function askForTree(pipeline: PipelineState, text: QueryText): Promise<Answer> {
  const { batchOpen, isInBlock } = pipeline
  if (batchOpen && !isInBlock) return askInPipeline(pipeline, text)
  const mark = newSavepoint()
  const before = isInBlock ? [`savepoint ${mark}`] : []
  const after = isInBlock ? [`rollback to savepoint ${mark}`, `release savepoint ${mark}`] : []
  const set = setSettings(SETTINGS, hideLog(pipeline))
  const trees: string[] = []
  try {
    await send(pipeline, [...before, set].map(extendedQuery), text, after.map(extendedQuery), trees, 'ended')
  } catch (error) {
    if (isInBlock && !pipeline.session.ended.aborted) {
      // After the error and the Sync the client's block is in the failed state: roll back to the savepoint.
      await send(pipeline, after.map(extendedQuery), undefined, [], [])
    }
    return { ...errorOf(error), isShown: false }
  }
  return treeIn(trees)
}

async function askInPipeline(pipeline: PipelineState, text: QueryText): Promise<Answer> {
  const names = Object.keys(SETTINGS)
  const [values = []] = await ownQuery(
    pipeline,
    `select ${names.map((name) => `pg_catalog.current_setting('${name}')`).join(', ')}`,
  )
  // The settings last until the client's Sync.
  const restored = Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']))
  const trees: string[] = []
  try {
    const set = setSettings(SETTINGS, 'no')
    await send(pipeline, [extendedQuery(set)], text, [extendedQuery(setSettings(restored, 'no'))], trees, 'shown')
  } catch (error) {
    return { ...errorOf(error), isShown: true }
  }
  return treeIn(trees)
}

const errorOf = (error: unknown): { error: string; text: string } =>
  error instanceof OwnQueryFailed
    ? { error: error.sqlstate, text: error.text }
    : { error: asError(error).message, text: '' }

/** The first tree is that of the query: while the setting is on, the server prints what comes after the query as well. */
const treeIn = ([tree]: readonly string[]): Answer =>
  tree === undefined ? { error: 'nothing was printed', text: '', isShown: false } : { tree }

function send(
  pipeline: PipelineState,
  before: readonly Buffer[],
  text: QueryText | undefined,
  after: readonly Buffer[],
  printed: string[],
  failing?: 'shown' | 'ended',
): Promise<void> {
  return new Promise((resolve, reject) => {
    const { ended, limits } = pipeline.session
    if (ended.aborted) return reject(reasonOf(ended))
    const { batchOpen } = pipeline
    const asked =
      text === undefined
        ? []
        : [
            encodeMessage(parse, { type: 'parse', statement: OWN_NAME, sql: text.sql, parameterTypes: text.types }),
            encodeMessage(close, { type: 'close', subject: 'statement', name: OWN_NAME }),
          ]
    const queries = before.length + after.length
    const left = closeLeft(pipeline.kept)
    const results: OwnRows[] = [[]]
    pipeline.expect({
      type: 'own',
      results,
      most: queries,
      room: limits.catalogBytes,
      closes: batchOpen ? left.length + 2 * queries + (text === undefined ? 0 : 1) : undefined,
      done(error) {
        if (error === undefined) return resolve()
        pipeline.kept.noteFailed()
        reject(error)
      },
      trees: { after: before.length, printed },
      ...(failing === undefined ? {} : { failing }),
    })
    pipeline.upstream.write(Buffer.concat([...left, ...before, ...asked, ...after, batchOpen ? FLUSH : SYNC]))
  })
}

/**
 * Whether the gateway can keep trees, of some kilobytes each, out of the server's log: that takes the privilege to set log_min_messages.
 * Superusers have it, and from version 15 on roles that it was granted to.
 */
type HideLog = 'no' | 'as superuser' | 'as granted'

const hideLog = ({ known }: PipelineState): HideLog =>
  known.catalog.version >= 150_000 ? 'as granted' : 'as superuser'

function setSettings(values: Readonly<Record<string, string>>, hide: HideLog): string {
  const settings = Object.entries(values).map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', true)`)
  return `select ${[...settings, ...HIDES[hide]].join(', ')}`
}

const quiet = (condition: string): string =>
  `case when ${condition} then pg_catalog.set_config('log_min_messages', 'panic', true) end`

const HIDES: Readonly<Record<HideLog, readonly string[]>> = {
  no: [],
  'as superuser': [quiet(`pg_catalog.current_setting('is_superuser') operator(pg_catalog.=) 'on'`)],
  'as granted': [quiet(`pg_catalog.has_parameter_privilege('log_min_messages', 'SET')`)],
}

/** For the question only. It gives up waiting for a lock: DDL in another session must not block this one. */
const SETTINGS = {
  debug_pretty_print: 'off',
  lock_timeout: '1000',
  client_min_messages: 'log',
  debug_print_parse: 'on',
} as const
