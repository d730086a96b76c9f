import { readFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { checkServerIdentity, type ConnectionOptions } from 'node:tls'
import pg from 'pg'
import type { CredentialLease } from '../../credentials/credential.ts'
import type { MaskingPlan } from '../../masking/plan.ts'
import { socketChannel } from '../../shared/socket-channel.ts'
import type { Channel } from '../../shared/channel.ts'
import { PamError } from '../../shared/errors.ts'
import { encodeStartupPacket } from '../../wire/postgres/startup.ts'
import type { PostgresTarget } from '../target.ts'
import type { DefinitionTrees } from './masking-scope.ts'
import { treesFor, type CatalogShelf } from './catalog-shelf.ts'
import type { CatalogRows } from './catalog.ts'

/** A connection that is logged in and idle; its socket is ours from here on. */
export interface Upstream {
  readonly channel: Channel
  /** What the server reported at login (ParameterStatus), by name. */
  readonly parameters: ReadonlyMap<string, string>
  readonly catalog: CatalogRows
  readonly trees: DefinitionTrees
  /** Asks the server to cancel what runs, on a connection of its own; resolves when the server has taken it. */
  cancel(): Promise<void>
  /** Ends the backend from another connection; true when the server says that it is gone. */
  terminate(): Promise<boolean>
}

export interface UpstreamTarget {
  readonly config: PostgresTarget
  readonly lease: CredentialLease
  readonly baseDirectory: string
  /** Milliseconds for the whole login. */
  readonly timeout: number
}

/** Logs in with the driver (SCRAM, TLS, protocol 3.0), reads the catalogs, and takes the socket over. */
export async function connectUpstream(
  target: UpstreamTarget,
  settings: ReadonlyMap<string, string>,
  shelf: CatalogShelf,
  definitions: (catalog: CatalogRows, ask: Ask) => Promise<DefinitionTrees>,
  masking: MaskingPlan,
): Promise<Upstream> {
  const client = createClient(target, {
    ...Object.fromEntries(settings),
    client_encoding: 'UTF8',
    standard_conforming_strings: 'on',
  })
  const parameters = new Map<string, string>()
  const { connection } = client as unknown as { connection: DriverConnection }
  connection.on('parameterStatus', ({ parameterName, parameterValue }) => parameters.set(parameterName, parameterValue))
  try {
    await client.connect()
    const { host, port, database } = target.config
    const shelved = await shelf.read(JSON.stringify([host, port, database, target.lease.user]), (texts) =>
      askAll(client, texts),
    )
    const catalog = shelved.rows
    const ask: Ask = async (text) => (await askAll(client, [text]))[0] ?? []
    const trees = await treesFor(shelved, masking, () => definitions(catalog, ask))
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number }
    const channel = takeOver(client, connection)
    return {
      channel,
      parameters,
      catalog,
      trees,
      cancel: () => sendCancel(target, processID, secretKey),
      terminate: () => terminateBackend(target, processID),
    }
  } catch (error) {
    client.removeAllListeners('error')
    client.on('error', () => {})
    void client.end().catch(() => {})
    throw upstreamError(target.config, error)
  }
}

interface DriverConnection {
  stream: Socket
  on(event: 'parameterStatus', listener: (message: { parameterName: string; parameterValue: string }) => void): void
  removeAllListeners(): void
}

function createClient(
  { config, lease, timeout, baseDirectory }: UpstreamTarget,
  settings: Record<string, string>,
): pg.Client {
  const client = new pg.Client({
    host: config.host,
    port: config.port,
    user: lease.user,
    database: config.database,
    // A function, so that the driver never looks into the environment for one.
    password: () => lease.password ?? '',
    ssl: tlsOptions(config, baseDirectory),
    connectionTimeoutMillis: timeout,
    keepAlive: true,
  })
  // The driver would add settings of its own environment (PGOPTIONS, PGAPPNAME).
  Object.assign(client, { getStartupConf: () => ({ ...settings, user: lease.user, database: config.database }) })
  client.on('error', () => {})
  return client
}

function tlsOptions(config: PostgresTarget, baseDirectory: string): ConnectionOptions | false {
  const ca = config.ca === undefined ? {} : { ca: readFileSync(resolve(baseDirectory, config.ca)) }
  switch (config.tls) {
    case 'disable':
      return false
    case 'require':
      return { rejectUnauthorized: false }
    case 'verify-ca':
      return { ...ca, rejectUnauthorized: true, checkServerIdentity: () => undefined }
    case 'verify-full':
      return {
        ...ca,
        rejectUnauthorized: true,
        checkServerIdentity: (_host, certificate) => checkServerIdentity(config.host, certificate),
      }
  }
}

/** Runs one of the gateway's own queries while it logs in. */
type Ask = (sql: string) => Promise<readonly (readonly (string | null)[])[]>

/** The texts are constants of ours: one simple query takes them all. */
async function askAll(client: pg.Client, texts: readonly string[]): Promise<(string | null)[][][]> {
  const answer: unknown = await client.query<(string | null)[]>({
    text: texts.join(';'),
    rowMode: 'array',
    types: { getTypeParser: () => String },
  })
  const results = (Array.isArray(answer) ? answer : [answer]) as { rows: (string | null)[][] }[]
  return results.map(({ rows }) => rows)
}

/** After ReadyForQuery nothing is in flight: the driver lets go of the socket, and our framing takes it. */
function takeOver(client: pg.Client, connection: DriverConnection): Channel {
  const { stream } = connection
  stream.removeAllListeners()
  connection.removeAllListeners()
  client.removeAllListeners()
  return socketChannel(stream)
}

async function sendCancel({ config, timeout }: UpstreamTarget, processId: number, secret: number): Promise<void> {
  // As libpq does: a connection of its own, closed by the server once the request was taken. Where the target
  // demands TLS it still takes a cancel request in plain text; the key is of use for this backend only.
  const secretKey = Buffer.alloc(4)
  secretKey.writeInt32BE(secret)
  await new Promise<void>((done) => {
    const socket = connectTcp({ host: config.host, port: config.port, timeout })
    socket.on('connect', () => socket.write(encodeStartupPacket({ type: 'cancel-request', processId, secretKey })))
    socket.on('timeout', () => socket.destroy())
    socket.on('error', () => {})
    socket.on('close', () => done())
    socket.resume()
  })
}

async function terminateBackend(target: UpstreamTarget, processId: number): Promise<boolean> {
  const client = createClient(target, {})
  try {
    await client.connect()
    await client
      .query('select pg_catalog.pg_terminate_backend($1, 2000)', [processId])
      .catch(() => client.query('select pg_catalog.pg_terminate_backend($1)', [processId]))
    const { rows } = await client.query(
      'select 1 from pg_catalog.pg_stat_activity where pid operator(pg_catalog.=) $1',
      [processId],
    )
    return rows.length === 0
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

function upstreamError(config: PostgresTarget, error: unknown): PamError {
  if (error instanceof PamError) return error
  const { code, message } = error as { code?: string; message?: string }
  const told = (which: PamError['code'], text: string, hint?: string): PamError =>
    new PamError(which, `${config.name}: ${text}`, {
      side: 'upstream',
      cause: error,
      ...(hint === undefined ? {} : { hint }),
    })
  if (code === '28P01' || code === '28000')
    return told('TARGET_CREDENTIAL', "the target refused the gateway's credential", 'tell whoever runs the gateway')
  if (code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('E'))
    return told('TARGET_REFUSED', `the target refused the connection (${code})`)
  if (code !== undefined && /^(ERR_TLS|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO|HOSTNAME_)/.test(code)) {
    return told('TARGET_CERTIFICATE', "the target's certificate is not trusted", 'tell whoever runs the gateway')
  }
  if (/does not support SSL/.test(message ?? ''))
    return told('TARGET_CERTIFICATE', 'the target does not offer TLS, which its configuration asks for')
  return told(
    'TARGET_UNREACHABLE',
    'the target cannot be reached',
    'try again; if it stays so, tell whoever runs the gateway',
  )
}
