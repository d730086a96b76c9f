import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { freePort } from './local-postgres.ts'
import { findProgram } from '../shared/find-program.ts'
import { ServerProcess, untilReady } from './server-process.ts'

/** A MariaDB server of our own in a directory of its own, on a loopback port picked free and a Unix socket. */
export interface LocalMariadb {
  readonly port: number
  /** Its Unix socket, on which the user that runs this process is `root` without a password. */
  readonly socket: string
  /** The same account through TCP. */
  readonly superuser: { readonly user: string; readonly password: string }
  /** As the server says it: `10.11.19-MariaDB-0+deb12u1`. */
  readonly version: string
  /** The server's log so far. */
  log(): string
  /** Runs statements as the superuser; gives their rows, columns apart by tabs. Throws what the server says of the first error. */
  sql(text: string, database?: string): string
  stop(): Promise<void>
}

export interface LocalMariadbOptions {
  /** An empty directory that may be removed afterwards. Its name must be short: a Unix socket is in it. */
  readonly directory: string
  /** Where `bin/mariadbd` is, and all that belongs to it; without it, the system's. */
  readonly installation?: string
  /** A directory of data to start with, which is made where there is none. */
  readonly template?: string
  /** Options of mariadbd without their dashes. */
  readonly settings?: Readonly<Record<string, string>>
  /** TLS with this certificate and key, files in PEM. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly ca?: string }
}

export async function startMariadb(options: LocalMariadbOptions): Promise<LocalMariadb> {
  const { directory, installation, template, settings = {}, tls } = options
  const programs = findMariadb(installation)
  if (programs === undefined) throw new Error(`there is no MariaDB server${installation ? ` in ${installation}` : ''}`)
  mkdirSync(directory, { recursive: true })
  chmodSync(directory, 0o700)
  const data = join(directory, 'data')
  if (template === undefined) makeData(programs, data)
  else {
    if (!existsSync(template)) makeTemplate(programs, template)
    cpSync(template, data, { recursive: true })
  }
  const port = await freePort()
  const socket = join(directory, 'socket')
  const superuser = { user: 'root', password: 'local-superuser' }
  const init = join(directory, 'init.sql')
  // The server takes each line for one statement.
  writeFileSync(
    init,
    [
      `CREATE OR REPLACE USER 'root'@'127.0.0.1' IDENTIFIED BY '${superuser.password}';`,
      `GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;`,
    ].join('\n'),
    { mode: 0o600 },
  )
  const all: Record<string, string> = {
    ...ownOptions(programs),
    datadir: data,
    // Each server deletes at its start what the tables of others left in a common one.
    tmpdir: directory,
    port: String(port),
    'bind-address': '127.0.0.1',
    socket,
    'pid-file': join(directory, 'pid'),
    'init-file': init,
    // What is lost with the machine was for a demonstration or a test.
    'innodb-flush-log-at-trx-commit': '0',
    'innodb-flush-method': 'nosync',
    'debug-no-sync': 'ON',
    'innodb-buffer-pool-size': '24M',
    'innodb-doublewrite': 'OFF',
    'key-buffer-size': '1M',
    'aria-pagecache-buffer-size': '2M',
    'secure-file-priv': directory,
    // Without a certificate MariaDB 11.4 makes one at its start, which takes it ten seconds.
    ...(tls === undefined ? { 'skip-ssl': '' } : { 'ssl-cert': tls.certificate, 'ssl-key': tls.key }),
    ...(tls?.ca === undefined ? {} : { 'ssl-ca': tls.ca }),
    ...settings,
  }
  const server = new ServerProcess(programs.server, ['--no-defaults', ...toArguments(all)], { directory, env: OWN })
  const stop = async (): Promise<void> => {
    await server.stop(SHUTDOWN)
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    // It says that it takes connections once it has run its first statements, too.
    const version = await untilReady(
      'MariaDB',
      [server],
      () => /ready for connections\.\s+Version: '([^']+)'/.exec(server.log())?.[1],
      LOOK_MS,
    )
    return {
      port,
      socket,
      superuser,
      version,
      log: () => server.log(),
      sql: (text, database) => runSql(programs.client, socket, text, database),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A look at what it said costs nothing. */
const LOOK_MS = 10
/** A server that waits for a transaction to end is not waited for: its data goes. */
const SHUTDOWN = { first: 'SIGTERM', last: 'SIGKILL', afterMs: 10_000 } as const

/** Programs of one installation. */
export interface MariadbPrograms {
  readonly server: string
  readonly client: string
  readonly install: string
  /** Where its other files are; undefined for the system's, which knows. */
  readonly base?: string
}

/** Those in a directory, or the system's. */
export function findMariadb(installation?: string): MariadbPrograms | undefined {
  if (installation !== undefined) {
    const programs = {
      server: join(installation, 'bin', 'mariadbd'),
      client: join(installation, 'bin', 'mariadb'),
      install: join(installation, 'scripts', 'mariadb-install-db'),
      base: installation,
    }
    return Object.values(programs).every((file) => existsSync(file)) ? programs : undefined
  }
  const server = findProgram('mariadbd', process.env, ['/usr/sbin', '/usr/libexec'])
  const client = findProgram('mariadb', process.env)
  const install = findProgram('mariadb-install-db', process.env, ['/usr/sbin'])
  if (server === undefined || client === undefined || install === undefined) return undefined
  return { server, client, install }
}

function makeData(programs: MariadbPrograms, data: string): void {
  const options = {
    ...ownOptions(programs),
    datadir: data,
    // The server that installs makes temporary tables, too, which another at its start would delete from a common directory.
    tmpdir: dirname(data),
    'auth-root-authentication-method': 'socket',
    'auth-root-socket-user': userInfo().username,
    'skip-test-db': '',
  }
  const made = spawnSync(programs.install, ['--no-defaults', ...toArguments(options)], {
    encoding: 'utf8',
    env: ENVIRONMENT,
  })
  if (made.status !== 0) throw new Error(`mariadb-install-db failed: ${made.stderr || made.error?.message}`)
}

/** Several processes may make it at the same time: each makes its own, and the first one's is taken. */
function makeTemplate(programs: MariadbPrograms, template: string): void {
  mkdirSync(dirname(template), { recursive: true })
  const own = mkdtempSync(`${template}.`)
  makeData(programs, join(own, 'data'))
  try {
    renameSync(join(own, 'data'), template)
  } catch (error) {
    if (!existsSync(template)) throw error
  }
  rmSync(own, { recursive: true, force: true })
}

/** What installing and running must have in common. The server refuses to run as root unless it is told to. */
const ownOptions = ({ base }: MariadbPrograms): Record<string, string> => ({
  ...(userInfo().uid === 0 ? { user: 'root' } : {}),
  ...(base === undefined ? {} : { basedir: base }),
  'skip-name-resolve': '',
  'innodb-log-file-size': '4194304',
  'innodb-undo-tablespaces': '0',
})

const toArguments = (options: Readonly<Record<string, string>>): string[] =>
  Object.entries(options).map(([name, value]) => (value === '' ? `--${name}` : `--${name}=${value}`))

function runSql(client: string, socket: string, text: string, database: string | undefined): string {
  const args = ['--no-defaults', `--socket=${socket}`, '--user=root', '--skip-ssl', '--batch', '--skip-column-names']
  const ran = spawnSync(
    client,
    [...args, '--default-character-set=utf8mb4', ...(database === undefined ? [] : [database])],
    {
      encoding: 'utf8',
      env: ENVIRONMENT,
      input: text,
      maxBuffer: 64 * 1024 * 1024,
    },
  )
  if (ran.status !== 0) throw new Error(`MariaDB: ${ran.stderr || ran.error?.message}`)
  return ran.stdout
}

const OWN = { LC_ALL: 'C.UTF-8', HOME: '/nonexistent' } as const
/** Nothing of the user's own configuration. */
const ENVIRONMENT: NodeJS.ProcessEnv = { PATH: process.env['PATH'], ...OWN }
