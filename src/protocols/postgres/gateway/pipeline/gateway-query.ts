import { randomUUID } from 'node:crypto'
import { ByteReader } from '../../../../wire/byte-reader.ts'
import { WireError } from '../../../../wire/wire-error.ts'
import { encodeMessage } from '../../wire/server-message.ts'
import { bind } from '../../wire/bind.ts'
import { FLUSH, SYNC } from '../../wire/client-message.ts'
import { close } from '../../wire/close.ts'
import { execute } from '../../wire/execute.ts'
import { parse } from '../../wire/parse.ts'
import type { Session } from '../../../../gateway/engine.ts'
import type { OwnRows, Pending } from './pending.ts'

/** As much of a connection as a query of the gateway's own needs. */
export interface QueryPort {
  readonly session: Pick<Session, 'ended' | 'limits'>
  readonly upstream: { write(bytes: Buffer): unknown }
  /** Whether a pipeline of the client's is open, without its Sync. */
  readonly batchOpen: boolean
  expect(pending: Pending): void
}

/**
 * Runs one of the gateway's fixed queries on the client's connection, while nothing of the client's is in flight.
 * Its answers are kept from the client. Between the messages of a pipeline it ends with a Flush: a Sync would end the
 * client's transaction.
 */
export const ownQuery = async (port: QueryPort, sql: string): Promise<OwnRows> =>
  (await ownQueries(port, [sql]))[0] ?? []

/** Several, in one transaction and one round trip; the rows of each. */
export function ownQueries(port: QueryPort, texts: readonly string[]): Promise<OwnRows[]> {
  return new Promise((resolve, reject) => {
    const { ended } = port.session
    if (ended.aborted) return reject(ended.reason as Error)
    const results: OwnRows[] = [[]]
    const { batchOpen } = port
    port.expect({
      type: 'own',
      results,
      most: texts.length,
      room: port.session.limits.catalogBytes,
      closes: batchOpen ? 2 * texts.length : undefined,
      done: (error) => (error === undefined ? resolve(results) : reject(error)),
    })
    port.upstream.write(Buffer.concat([...texts.map(extendedQuery), batchOpen ? FLUSH : SYNC]))
  })
}

/** Messages that run one of the gateway's own texts. Under a name of its own: a simple query would drop the unnamed statement, which the client may have prepared. */
export function extendedQuery(sql: string): Buffer {
  const name = OWN_NAME
  return Buffer.concat([
    encodeMessage(parse, { type: 'parse', statement: name, sql, parameterTypes: [] }),
    encodeMessage(bind, {
      type: 'bind',
      portal: name,
      statement: name,
      parameterFormats: [],
      parameters: [],
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

/** Random, so that no client's statement has it. */
export const OWN_NAME = `pam_${randomUUID()}`
