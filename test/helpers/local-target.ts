import type { Session } from '../../src/gateway/engine.ts'
import type { SessionParts } from '../../src/gateway/session.ts'
import type { PostgresTarget } from '../../src/protocols/postgres/target.ts'

/** What a session with a server of the test's own is opened with, where no configuration is read. */
export const partsFor = (port: number, database: string) => ({
  config: {
    name: 'store',
    type: 'postgres',
    labels: { env: 'prod' },
    host: '127.0.0.1',
    port,
    user: 'app',
    database,
    tls: 'disable',
    authentication: ['scram-sha-256'],
    recordRows: 0,
    safeFunctions: [],
  } as unknown as PostgresTarget,
  lease: { user: 'app', password: 'secret', release: () => Promise.resolve() },
  limits: {
    handshake: 60_000,
    catalogs: 60_000,
    catalogBytes: 1e8,
    statementBytes: 1e6,
    resultMessageBytes: 1e7,
  } satisfies Session['limits'],
  logger: { warn() {}, error() {}, info() {} } as unknown as SessionParts['logger'],
})
