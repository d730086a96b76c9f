import { ByteReader } from '../../wire/byte-reader.ts'
import { encodeMessage } from '../../wire/postgres/server-message.ts'
import { query } from '../../wire/postgres/query.ts'
import type { Conversation } from './conversation.ts'

/**
 * Runs one of the gateway's fixed queries on the client's connection, while nothing of the client's is in flight.
 * Its answers are kept from the client.
 */
export function ownQuery(conversation: Conversation, sql: string): Promise<(string | null)[][]> {
  return new Promise((resolve, reject) => {
    const rows: (string | null)[][] = []
    conversation.expect({
      type: 'own',
      rows,
      done: (error) => (error === undefined ? resolve(rows) : reject(error)),
    })
    conversation.upstream.write(encodeMessage(query, { type: 'query', sql }))
  })
}

/** The values of a DataRow as text. Spec: Message Formats, DataRow. */
export function rowValues(body: Buffer): (string | null)[] {
  const reader = new ByteReader(body, 'DataRow')
  return reader.list(reader.uint16(), () => {
    const length = reader.int32()
    return length === -1 ? null : reader.bytes(length).toString('utf8')
  })
}
