import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TEST_CACHE } from '../../src/demo/test-cache.ts'
import { findMariadb, startMariadb, type LocalMariadb } from '../../src/demo/local-mariadb.ts'
import { cached } from './test-clients.ts'
import type { TestCertificates } from './certificates.ts'

/** The versions that the gateway is tested with. Debian's is the system's; the other one is in the cache. */
export const MARIADB_VERSIONS = ['10.11', '11.4'] as const
export type MariadbVersion = (typeof MARIADB_VERSIONS)[number]

/** The directory of an installation in the cache; `system` where the system has that version. */
export function mariadbInstallation(version: MariadbVersion): string | undefined {
  const directory = cached(`mariadb-${version}`)
  if (directory !== undefined && findMariadb(directory) !== undefined) return directory
  return version === '10.11' && findMariadb() !== undefined ? 'system' : undefined
}

/** There is no server of that version: its tests are skipped. */
export const isMariadbMissing = (version: MariadbVersion = '10.11'): boolean =>
  mariadbInstallation(version) === undefined

/** An account of a test server; any host may use it. */
export interface TestAccount {
  readonly user: string
  readonly password: string
  readonly plugin?: 'mysql_native_password' | 'ed25519'
  /** What it may do, as GRANT says it; several of them for several grants. Without any, it may log in. */
  readonly grants?: readonly string[]
}

export interface TestMariadb {
  readonly version?: MariadbVersion
  readonly accounts?: readonly TestAccount[]
  readonly settings?: Readonly<Record<string, string>>
  readonly tls?: TestCertificates
  /** Statements of the superuser, run last. */
  readonly script?: string
}

/**
 * Where its temporary tables are. Each query of `information_schema` makes some as files, which costs a file system on disk more than
 * the query itself.
 */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A server with these accounts, in directories that go when it is stopped. */
export async function startTestMariadb(options: TestMariadb = {}): Promise<LocalMariadb> {
  const { version = '10.11', accounts = [], settings = {}, tls, script = '' } = options
  const installation = mariadbInstallation(version)
  if (installation === undefined) throw new Error(`there is no MariaDB ${version}: run scripts/install-test-servers`)
  const usesEd25519 = accounts.some(({ plugin }) => plugin === 'ed25519')
  const temporary = mkdtempSync(join(MEMORY, 'pam-mariadb-'))
  const server = await startMariadb({
    directory: mkdtempSync(join(tmpdir(), 'pam-mariadb-')),
    template: join(TEST_CACHE, 'mariadb-data', version),
    ...(installation === 'system' ? {} : { installation }),
    settings: { tmpdir: temporary, ...(usesEd25519 ? { 'plugin-load-add': 'auth_ed25519' } : {}), ...settings },
    ...(tls === undefined ? {} : { tls }),
  })
  const stop = async (): Promise<void> => {
    await server.stop()
    rmSync(temporary, { recursive: true, force: true })
  }
  try {
    server.sql(accounts.map(accountScript).join('') + script)
  } catch (error) {
    await stop()
    throw error
  }
  return { ...server, stop }
}

function accountScript({ user, password, plugin = 'mysql_native_password', grants = [] }: TestAccount): string {
  const name = `${quote(user)}@'%'`
  return [
    `CREATE USER ${name} IDENTIFIED VIA ${plugin} USING PASSWORD(${quote(password)});`,
    ...grants.map((grant) => `GRANT ${grant} TO ${name};`),
    '',
  ].join('\n')
}

const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`

/** The programs of a version: `mariadb` and `mariadb-dump`. */
export function mariadbClient(version: MariadbVersion, name: 'mariadb' | 'mariadb-dump'): string | undefined {
  const installation = mariadbInstallation(version)
  if (installation === undefined) return undefined
  return installation === 'system' ? name : join(installation, 'bin', name)
}
