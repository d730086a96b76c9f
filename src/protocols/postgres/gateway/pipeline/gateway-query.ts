import { reasonOf } from '../../../../shared/errors.ts'
import { randomUUID } from 'node:crypto'
import { ByteReader } from '../../../../wire/byte-reader.ts'
import { WireError } from '../../../../wire/wire-error.ts'
import { encodeMessage, type TransactionStatus } from '../../wire/server-message.ts'
import { bind } from '../../wire/bind.ts'
import { FLUSH, SYNC } from '../../wire/client-message.ts'
import { close } from '../../wire/close.ts'
import { execute } from '../../wire/execute.ts'
import { parse } from '../../wire/parse.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { Session } from '../../../../gateway/engine.ts'
import { textOf, type RepeatedQuery } from '../../catalog/catalog-mirror.ts'
import { showsPrepared, type KeptStatements } from './kept-statements.ts'
import type { OwnRows, Pending } from './pending.ts'
import { wordList } from '../../../../shared/word-list.ts'

/** The parts of a connection that a query of the gateway itself needs. */
export interface QueryPort {
  readonly session: Pick<Session, 'ended' | 'limits'>
  readonly upstream: { write(bytes: Buffer): unknown }
  /** Whether a pipeline of the client is open, without its Sync. */
  readonly batchOpen: boolean
  expect(pending: Pending): void
}

/** The additional parts that queries with settings of their own need. */
export interface ShieldedPort extends QueryPort {
  readonly status: TransactionStatus
  readonly kept: KeptStatements
}

interface HidingPort extends ShieldedPort {
  /** Whether the server waits for COPY data. */
  readonly copyIn: boolean
  collect(bytes: Buffer): void
}

/** One of the gateway's own queries; parameters are text. */
export type OwnQuery =
  string | { readonly sql: string; readonly parameters: readonly (string | null)[] } | RepeatedQuery

/** The target did not answer one of the gateway's own queries. */
export class OwnQueryFailed extends Error {
  readonly sqlstate: string
  /** The target's message, in its own language. */
  readonly text: string

  constructor(sqlstate: string, text: string) {
    super(`the target answered ${sqlstate} to a query of the gateway`)
    this.name = 'OwnQueryFailed'
    this.sqlstate = sqlstate
    this.text = text
  }
}

/**
 * Runs the gateway's fixed queries on the client's connection, in one transaction and one round trip, while nothing of the client is in
 * flight; returns the rows of each. The client does not get the answers. Between the messages of a pipeline the queries end with a Flush: a
 * Sync would end the client's transaction. They run under the client's settings: see `shieldedQueries`.
 */
export function ownQueries(
  port: QueryPort & { readonly kept?: KeptStatements },
  queries: readonly OwnQuery[],
  write: (bytes: Buffer) => unknown = (bytes) => port.upstream.write(bytes),
): Promise<OwnRows[]> {
  return new Promise((resolve, reject) => {
    const { ended } = port.session
    if (ended.aborted) return reject(reasonOf(ended))
    const results: OwnRows[] = [[]]
    const { batchOpen } = port
    const left = closeLeft(port.kept)
    port.expect({
      type: 'own',
      results,
      most: queries.length,
      room: port.session.limits.catalogBytes,
      closes: batchOpen ? left.length + 2 * queries.length : undefined,
      done(error) {
        if (error === undefined) return resolve(results)
        port.kept?.noteFailed()
        reject(error)
      },
    })
    const kept = batchOpen ? undefined : port.kept
    write(
      Buffer.concat([
        ...left,
        ...(kept?.takeDropped() ?? []).map(closeStatement),
        ...queries.map((query) => messagesOf(query, kept)),
        batchOpen ? FLUSH : SYNC,
      ]),
    )
  })
}

/** The messages that close what a batch that has failed has left under the gateway's own name: no other can begin before. */
export const closeLeft = (kept: KeptStatements | undefined): readonly Buffer[] =>
  kept?.takeLeft() === true
    ? [encodeMessage(close, { type: 'close', subject: 'portal', name: OWN_NAME }), closeStatement(OWN_NAME)]
    : []

/** The rows of one query. */
export const ownQuery = async (port: QueryPort, query: OwnQuery): Promise<OwnRows> =>
  (await ownQueries(port, [query]))[0] ?? []

/**
 * The same, under the gateway's own settings: the client's time limits, planner settings and search path do not apply, and are restored
 * afterwards. Outside a transaction the settings end with the implicit transaction of the queries. `before`: a list of values to select
 * before the queries under the client's settings, unless a pipeline is open; its row is the first. If they fail outside a transaction for a
 * transient reason, such as a cancel request that was meant for the client's last statement, they are run once more: `isLast` for that
 * attempt.
 */
export async function shieldedQueries(
  port: ShieldedPort,
  queries: readonly OwnQuery[],
  before?: string,
  isLast = false,
): Promise<OwnRows[]> {
  if (port.status === 'I' && !port.batchOpen) {
    const began = performance.now()
    let hasFailed = false
    const answers = await shieldedOnce(port, queries, before).catch((error: unknown) => {
      if (!(error instanceof OwnQueryFailed)) throw error
      // Unless its time limit was exceeded.
      hasFailed = PASSES.has(error.sqlstate) && performance.now() - began < port.session.limits.catalogs / 2
      if (isLast || !hasFailed) throw error
      port.kept.drop()
      return undefined
    })
    return answers ?? shieldedQueries(port, queries, before, isLast || hasFailed)
  }
  if (!port.batchOpen) return shieldedInBlock(port, queries, before)
  const [saved] = await ownQueries(port, [shield(port.session.limits.catalogs)])
  const settings = saved?.[0]?.slice(0, SHIELDED.length) ?? []
  const answers = await ownQueries(port, [...queries, restore(settings)])
  return answers.slice(0, queries.length)
}

/**
 * Runs them within a transaction block, in one round trip: a savepoint restores the settings, and the transaction if they fail. The server
 * takes none of its own until something is written, and nothing is.
 */
async function shieldedInBlock(
  port: ShieldedPort,
  queries: readonly OwnQuery[],
  before: string | undefined,
): Promise<OwnRows[]> {
  const { asked, names, rowsOf } = shieldedBatch(port, queries, before)
  const mark = newSavepoint()
  const undo = [`rollback to savepoint ${mark}`, `release savepoint ${mark}`]
  const answers = await ownQueries(port, [`savepoint ${mark}`, ...asked, ...undo]).catch(async (error: unknown) => {
    if (!(error instanceof OwnQueryFailed)) throw error
    port.kept.drop()
    await ownQueries(port, undo)
    if (!isGone(error, names)) throw error
    return undefined
  })
  const rows = answers?.slice(1, 1 + asked.length)
  if (rows !== undefined && stand(names, rows[0])) return rowsOf(rows)
  port.kept.drop()
  return shieldedInBlock(port, queries, before)
}

/** The queries behind one that gives the values in `before` under the client's settings, and one that sets the gateway's. */
function shieldedBatch(port: ShieldedPort, queries: readonly OwnQuery[], before: string | undefined) {
  const shielding = { sql: SHIELD, values: [String(port.session.limits.catalogs)] }
  const names = keptOf(port, [shielding, ...queries])
  const first = `select ${[...(before === undefined ? [] : [before]), countOf(names)].join(', ')}`
  return {
    asked: [first, shielding, ...queries],
    names,
    /** The answers to the queries, and to `before`. */
    rowsOf: (answers: readonly OwnRows[]): OwnRows[] => [
      ...(before === undefined ? [] : answers.slice(0, 1)),
      ...answers.slice(2),
    ],
  }
}

const isGone = (error: unknown, names: readonly string[]): boolean =>
  error instanceof OwnQueryFailed && names.length > 0 && error.sqlstate === NO_SUCH_STATEMENT

/**
 * Runs them outside a transaction, once everything sent before is done; `write` sends them together with other bytes. Undefined if the
 * prepared statements no longer exist: then none are kept.
 */
export async function shieldedOnce(
  port: ShieldedPort,
  queries: readonly OwnQuery[],
  before?: string,
  write?: (bytes: Buffer) => unknown,
): Promise<OwnRows[] | undefined> {
  const { asked, names, rowsOf } = shieldedBatch(port, queries, before)
  const answers = await ownQueries(port, asked, write).catch((error: unknown) => {
    if (!isGone(error, names)) throw error
    return undefined
  })
  if (answers !== undefined && stand(names, answers[0])) return rowsOf(answers)
  port.kept.drop()
  return undefined
}

const keptOf = ({ kept }: ShieldedPort, queries: readonly OwnQuery[]): string[] =>
  kept.namesOf(queries.map((query) => (typeof query === 'string' ? query : query.sql)))

/** Whether the statements kept under these names exist, and have not been replaced by SQL PREPARE. */
const stand = (names: readonly string[], saved: OwnRows | undefined): boolean =>
  names.length === 0 || saved?.[0]?.at(-1) === String(names.length)

/**
 * Closes the gateway's prepared statements before a statement that shows them all. Nothing waits for the answer: the
 * server takes messages in order, and while the gateway waited, what was decided about that statement could get old.
 */
export function hideKept(port: HidingPort, facts: StatementFacts): void {
  if (port.kept.isEmpty || port.batchOpen || port.copyIn || !showsPrepared(facts)) return
  port.kept.drop()
  // It fails only with the session, or without any effect on what follows.
  ownQueries(port, [], (bytes) => port.collect(bytes)).catch(() => undefined)
}

/** The settings for the gateway's own queries. */
const SHIELDS: Readonly<Record<string, string>> = {
  statement_timeout: '0',
  lock_timeout: '2s',
  idle_in_transaction_session_timeout: '0',
  search_path: 'pg_catalog',
  jit: 'off',
  plan_cache_mode: 'force_generic_plan',
  max_parallel_workers_per_gather: '0',
  ...Object.fromEntries(
    wordList(
      `enable_bitmapscan enable_hashagg enable_hashjoin enable_indexscan enable_material enable_mergejoin enable_nestloop
      enable_seqscan enable_sort`,
    ).map((name) => [name, 'on']),
  ),
}
const SHIELDED = Object.keys(SHIELDS)
/** Whether the gateway changes a setting for its own queries, and restores it. */
export const isShielded = (name: string): boolean => Object.hasOwn(SHIELDS, name)

/** Returns the previous settings, and sets new ones until the transaction ends. */
export const shield = (milliseconds: number): string =>
  `select ${SHIELDED.map((name) => `pg_catalog.current_setting('${name}')`).join(', ')}, ${Object.entries(SHIELDS)
    .map(
      ([name, value]) =>
        `pg_catalog.set_config('${name}', '${name === 'statement_timeout' ? milliseconds : value}', true)`,
    )
    .join(', ')}`

/** The same settings as a query that stays prepared; `$1` is the time limit. */
export const SHIELD = `select ${Object.entries(SHIELDS)
  .map(
    ([name, value]) => `pg_catalog.set_config('${name}', ${name === 'statement_timeout' ? '$1' : `'${value}'`}, true)`,
  )
  .join(', ')}`

/** The number of these statements that exist and were prepared by the protocol: others may have been prepared by any code. */
const countOf = (statements: readonly string[]): string =>
  statements.length === 0
    ? "'0'"
    : `(select pg_catalog.count(*)::pg_catalog.text from pg_catalog.pg_prepared_statements p where p.name operator(pg_catalog.=) any ('{${statements.join(',')}}'::pg_catalog.text[]) and not p.from_sql)`

const restore = (values: readonly (string | null)[]): OwnQuery => ({
  sql: `select ${SHIELDED.map((name, index) => `pg_catalog.set_config('${name}', $${index + 1}, true)`).join(', ')}`,
  parameters: values,
})

/** Messages that run one of the gateway's own queries, in full or as a kept statement. */
function messagesOf(query: OwnQuery, kept: KeptStatements | undefined): Buffer {
  if (typeof query === 'string' || 'parameters' in query) return extendedQuery(query)
  if (kept === undefined) return extendedQuery(textOf(query))
  const known = kept.nameOf(query.sql)
  const statement = known ?? kept.keep(query.sql)
  return Buffer.concat([
    ...(known === undefined
      ? [encodeMessage(parse, { type: 'parse', statement, sql: query.sql, parameterTypes: [] })]
      : []),
    bound(statement, query.values),
  ])
}

const closeStatement = (name: string): Buffer => encodeMessage(close, { type: 'close', subject: 'statement', name })

/** Messages that run a prepared statement. */
const bound = (statement: string, parameters: readonly (string | null)[]): Buffer =>
  Buffer.concat([
    encodeMessage(bind, {
      type: 'bind',
      portal: OWN_NAME,
      statement,
      parameterFormats: [],
      parameters: parameters.map((value) => (value === null ? null : Buffer.from(value))),
      resultFormats: [],
    }),
    encodeMessage(execute, { type: 'execute', portal: OWN_NAME, maxRows: 0 }),
    encodeMessage(close, { type: 'close', subject: 'portal', name: OWN_NAME }),
  ])

/**
 * Messages that run one of the gateway's own queries, under a name of its own: a simple query would drop the unnamed statement, which the
 * client may have prepared.
 */
export function extendedQuery(query: Exclude<OwnQuery, RepeatedQuery>): Buffer {
  const { sql, parameters } = typeof query === 'string' ? { sql: query, parameters: [] } : query
  const name = OWN_NAME
  return Buffer.concat([
    encodeMessage(parse, { type: 'parse', statement: name, sql, parameterTypes: parameters.map(() => TEXT) }),
    bound(name, parameters),
    closeStatement(name),
  ])
}

/** The values of a DataRow as text; `columns` is their number, if known. Spec: Message Formats, DataRow. */
export function rowValues(body: Buffer, columns?: number): (string | null)[] {
  const reader = new ByteReader(body, 'DataRow')
  const count = reader.uint16()
  if (columns !== undefined && count !== columns) throw new WireError(`DataRow: ${count} values for ${columns} columns`)
  const values = reader.list(count, () => {
    const length = reader.int32()
    return length === -1 ? null : reader.bytes(length).toString('utf8')
  })
  reader.end()
  return values
}

/** query_canceled, deadlock_detected, serialization_failure */
const PASSES = new Set(['57014', '40P01', '40001'])
/** invalid_sql_statement_name */
const NO_SUCH_STATEMENT = '26000'
/** The type `text`. */
const TEXT = 25
/** Random, so that no statement of a client has this name. */
export const OWN_NAME = `pam_${randomUUID()}`
/**
 * Another name each time: pg_stat_activity shows them, and where the server did not get to make the savepoint, the rollback must not find one
 * that a client has made under the same name.
 */
export const newSavepoint = (): string => `pam_${randomUUID().replaceAll('-', '_')}`
