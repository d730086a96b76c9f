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
import type { Session } from '../../../../gateway/engine.ts'
import type { OwnRows, Pending } from './pending.ts'
import { wordList } from '../../../../shared/word-list.ts'

/** As much of a connection as a query of the gateway's own needs. */
export interface QueryPort {
  readonly session: Pick<Session, 'ended' | 'limits'>
  readonly upstream: { write(bytes: Buffer): unknown }
  /** Whether a pipeline of the client's is open, without its Sync. */
  readonly batchOpen: boolean
  expect(pending: Pending): void
}

/** What they need besides to run with settings of their own. */
export interface ShieldedPort extends QueryPort {
  readonly status: TransactionStatus
}

/** One of the gateway's own queries; parameters are text. */
export type OwnQuery = string | { readonly sql: string; readonly parameters: readonly (string | null)[] }

/** The target did not answer one of the gateway's own queries. */
export class OwnQueryFailed extends Error {
  readonly sqlstate: string
  /** What the target said, in its own language. */
  readonly text: string

  constructor(sqlstate: string, text: string) {
    super(`the target answered ${sqlstate} to a query of the gateway`)
    this.name = 'OwnQueryFailed'
    this.sqlstate = sqlstate
    this.text = text
  }
}

/**
 * Runs the gateway's fixed queries on the client's connection, in one transaction and one round trip, while nothing of the
 * client's is in flight; the rows of each. Answers are kept from the client. Between the messages of a pipeline they end with a
 * Flush: a Sync would end the client's transaction. They run under the client's settings: see `shieldedQueries`.
 */
export function ownQueries(port: QueryPort, queries: readonly OwnQuery[]): Promise<OwnRows[]> {
  return new Promise((resolve, reject) => {
    const { ended } = port.session
    if (ended.aborted) return reject(reasonOf(ended))
    const results: OwnRows[] = [[]]
    const { batchOpen } = port
    port.expect({
      type: 'own',
      results,
      most: queries.length,
      room: port.session.limits.catalogBytes,
      closes: batchOpen ? 2 * queries.length : undefined,
      done: (error) => (error === undefined ? resolve(results) : reject(error)),
    })
    port.upstream.write(Buffer.concat([...queries.map(extendedQuery), batchOpen ? FLUSH : SYNC]))
  })
}

/** The rows of one of them. */
export const ownQuery = async (port: QueryPort, query: OwnQuery): Promise<OwnRows> =>
  (await ownQueries(port, [query]))[0] ?? []

/**
 * The same, under settings of the gateway's own: the client's time limits, planner and search path do not apply, and are
 * what they were afterwards. Outside a transaction they are gone with the implicit one that the queries run in. `before`: outside a
 * transaction, a query that runs ahead of them under the client's settings; its rows come first.
 */
export async function shieldedQueries(
  port: ShieldedPort,
  queries: readonly OwnQuery[],
  before?: OwnQuery,
): Promise<OwnRows[]> {
  const shielding = shield(port.session.limits.catalogs)
  if (port.status === 'I' && !port.batchOpen) {
    if (before === undefined) return (await ownQueries(port, [shielding, ...queries])).slice(1)
    const [first = [], , ...answers] = await ownQueries(port, [before, shielding, ...queries])
    return [first, ...answers]
  }
  const [saved] = await ownQueries(port, [shielding])
  const settings = saved?.[0]?.slice(0, SHIELDED.length) ?? []
  const answers = await ownQueries(port, [...queries, restore(settings)])
  return answers.slice(0, queries.length)
}

/** What the gateway's own queries run with. */
const SHIELDS: Readonly<Record<string, string>> = {
  statement_timeout: '0',
  lock_timeout: '2s',
  idle_in_transaction_session_timeout: '0',
  search_path: 'pg_catalog',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  ...Object.fromEntries(
    wordList(
      `enable_bitmapscan enable_hashagg enable_hashjoin enable_indexscan enable_material enable_mergejoin enable_nestloop
      enable_seqscan enable_sort`,
    ).map((name) => [name, 'on']),
  ),
}
const SHIELDED = Object.keys(SHIELDS)
/** Whether the gateway moves a setting for its own queries, and moves it back. */
export const isShielded = (name: string): boolean => Object.hasOwn(SHIELDS, name)

/** Gives what the settings were, and sets them until the transaction ends. */
export const shield = (milliseconds: number): string =>
  `select ${SHIELDED.map((name) => `pg_catalog.current_setting('${name}')`).join(', ')}, ${Object.entries(SHIELDS)
    .map(
      ([name, value]) =>
        `pg_catalog.set_config('${name}', '${name === 'statement_timeout' ? milliseconds : value}', true)`,
    )
    .join(', ')}`

const restore = (values: readonly (string | null)[]): OwnQuery => ({
  sql: `select ${SHIELDED.map((name, index) => `pg_catalog.set_config('${name}', $${index + 1}, true)`).join(', ')}`,
  parameters: values,
})

/** Messages that run one of the gateway's own queries. Under a name of its own: a simple query would drop the unnamed statement, which the client may have prepared. */
export function extendedQuery(query: OwnQuery): Buffer {
  const { sql, parameters } = typeof query === 'string' ? { sql: query, parameters: [] } : query
  const name = OWN_NAME
  return Buffer.concat([
    encodeMessage(parse, { type: 'parse', statement: name, sql, parameterTypes: parameters.map(() => TEXT) }),
    encodeMessage(bind, {
      type: 'bind',
      portal: name,
      statement: name,
      parameterFormats: [],
      parameters: parameters.map((value) => (value === null ? null : Buffer.from(value))),
      resultFormats: [],
    }),
    encodeMessage(execute, { type: 'execute', portal: name, maxRows: 0 }),
    encodeMessage(close, { type: 'close', subject: 'portal', name }),
    encodeMessage(close, { type: 'close', subject: 'statement', name }),
  ])
}

/** The values of a DataRow as text, of so many columns where that is known. Spec: Message Formats, DataRow. */
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

/** The type `text`. */
const TEXT = 25
/** Random, so that no client's statement has it. */
export const OWN_NAME = `pam_${randomUUID()}`
