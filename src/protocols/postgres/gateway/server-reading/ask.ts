import { asError, reasonOf } from '../../../../shared/errors.ts'
import { close } from '../../wire/close.ts'
import { FLUSH, SYNC } from '../../wire/client-message.ts'
import { parse } from '../../wire/parse.ts'
import { encodeMessage } from '../../wire/server-message.ts'
import type { PipelineState } from '../pipeline/pipeline-state.ts'
import { extendedQuery, OWN_NAME, OwnQueryFailed, ownQuery } from '../pipeline/gateway-query.ts'
import type { OwnRows } from '../pipeline/pending.ts'
import type { QueryText } from './ask-text.ts'

/** The tree that the server made of a text, as it prints it; or the SQLSTATE and text of the error with which it did not. */
export type Answer =
  { readonly tree: string } | { readonly error: string; readonly text: string; readonly isShown: boolean }

/**
 * Has the server analyse a query, in the client's own session, between its statements: with its settings, temporary tables and
 * definitions that are not committed. The query is prepared under a name of the gateway's, which is dropped again; it is neither
 * planned nor run. `debug_print_parse` makes the server print what it understood, for this question only.
 *
 * An error must not end the client's transaction: in a block the question stands in a savepoint, outside one it is a
 * transaction by itself. Between the messages of a pipeline without a block nothing can be undone. There the client gets the
 * error, which is what its own Parse of the same text would have got.
 */
export async function askForTree(pipeline: PipelineState, text: QueryText): Promise<Answer> {
  const { batchOpen, isInBlock } = pipeline
  if (batchOpen && !isInBlock) return askInPipeline(pipeline, text)
  const before = isInBlock ? [`savepoint ${MARK}`] : []
  const after = isInBlock ? [`rollback to savepoint ${MARK}`, `release savepoint ${MARK}`] : []
  const set = setSettings(SETTINGS, hideLog(pipeline))
  const trees: string[] = []
  try {
    await send(pipeline, [...before, set].map(extendedQuery), text, after.map(extendedQuery), trees, 'ended')
  } catch (error) {
    if (isInBlock && !pipeline.session.ended.aborted) {
      // The Sync after the error has left the client's block failed: back to where it was.
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
  // They last until the Sync, which is the client's.
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

/** What comes after the query is printed, too, as long as the setting is on. */
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
    const results: OwnRows[] = [[]]
    pipeline.expect({
      type: 'own',
      results,
      most: queries,
      room: limits.catalogBytes,
      closes: batchOpen ? 2 * queries + (text === undefined ? 0 : 1) : undefined,
      done: (error) => (error === undefined ? resolve() : reject(error)),
      trees: { after: before.length, printed },
      ...(failing === undefined ? {} : { failing }),
    })
    pipeline.upstream.write(Buffer.concat([...before, ...asked, ...after, batchOpen ? FLUSH : SYNC]))
  })
}

/**
 * Whether trees can be kept out of the server's log, where each takes some kilobytes: only who may set log_min_messages can. That is
 * superusers, and from version 15 on whoever it was granted to.
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

/** For the question only. What waits for a lock is given up: somebody's DDL must not hold the session. */
const SETTINGS = {
  debug_pretty_print: 'off',
  lock_timeout: '1000',
  client_min_messages: 'log',
  debug_print_parse: 'on',
} as const

/** No client's savepoint has this name. */
const MARK = OWN_NAME.replaceAll('-', '_')
