import { createRequire } from 'node:module'

const pg = createRequire(import.meta.url)('pg')

/** A PostgreSQL session that stays open, with its socket. */
export async function startSession(stack, port) {
  const { user, password } = stack.account
  const client = new pg.Client({ host: '127.0.0.1', port, user, password, database: 'app_dev' })
  client.on('error', () => {})
  await client.connect()
  await client.query('select 1')
  return { client, socket: client.connection.stream }
}
