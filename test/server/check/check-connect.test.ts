import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSqlParser, type SqlParser } from '../../../src/protocols/postgres/dialect/sql-parser.ts'
import { postgresEngine } from '../../../src/protocols/postgres/gateway/engine.ts'
import { gatewayHalves } from '../../../src/protocols/gateway.ts'
import { checkConnections } from '../../../src/server/check/check-connect.ts'
import { parseConfig } from '../../../src/server/config/config.ts'

/** SSLRequest (PostgreSQL, "Message Formats"): length 8, code 80877103. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

/** A PostgreSQL that answers SSLRequest with these bytes, and the bytes that it was sent. */
let answer: string
let server: Server
const received: Buffer[] = []
let parser: SqlParser
let directory: string
beforeAll(async () => {
  parser = await createSqlParser()
  directory = mkdtempSync(join(tmpdir(), 'pamctl-check-'))
  writeFileSync(join(directory, 'password'), 'a secret', { mode: 0o600 })
  server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      received.push(bytes)
      socket.write(answer)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(async () => {
  server.close()
  await parser.close()
  rmSync(directory, { recursive: true })
})

async function check(given: string) {
  answer = given
  received.length = 0
  const { port } = server.address() as AddressInfo
  const config = parseConfig(
    `identity: { evaluation: { people: p.yaml } }
dataDirectory: data
targets: [{ name: db, type: postgres, host: 127.0.0.1, port: ${port}, database: d, user: app, password: "file:password", tls: verify-full }]
commands: [{ name: all, allow: true }]
`,
    join(directory, 'pam.yaml'),
  )
  const { target } = gatewayHalves.postgres
  const protocols = new Map([['postgres', { target, engine: postgresEngine(parser, directory) }]])
  const results = await checkConnections(config, { protocols, issuers: [], saml: [] })
  return results.find(({ what }) => what === 'target db as app')
}

describe('a check of a PostgreSQL whose configuration asks for TLS', () => {
  it('says that the server does not offer it and what to do, and sends nothing more', async () => {
    expect(await check('N')).toEqual({
      what: 'target db as app',
      state: 'failed',
      detail:
        'db: the target does not offer TLS, which its configuration asks for: enable TLS on the server; or, since it is on this machine, set tls: disable for the target (pam-gateway init: ?sslmode=disable in its URL)',
    })
    expect(Buffer.concat(received)).toEqual(SSL_REQUEST)
  })

  it('trusts nothing that was sent in plain text after the answer', async () => {
    const found = await check('SR')
    expect(found).toMatchObject({ state: 'failed', detail: expect.stringContaining('before the TLS handshake') })
    expect(Buffer.concat(received)).toEqual(SSL_REQUEST)
  })
})
