import { existsSync } from 'node:fs'
import { cached } from './test-clients.ts'

/** The major versions that the gateway supports and tests run on. */
export const POSTGRES_VERSIONS = [14, 15, 16, 17, 18]

/** The directory of an installation (with `bin`): Debian's, or what `scripts/install-test-servers` put into the cache. */
export function postgresInstallation(version: number): string | undefined {
  const debian = `/usr/lib/postgresql/${version}`
  return existsSync(`${debian}/bin/postgres`) ? debian : cached(`postgres-${version}`)
}

/** The version that this run of a table is for; vitest.config.ts runs them once for each. */
export const POSTGRES_VERSION = Number(process.env['PAMCTL_TEST_POSTGRES_VERSION'])

/** There is no server of that version: the table is skipped. */
export const isPostgresMissing = postgresInstallation(POSTGRES_VERSION) === undefined

/** Rows of tables that need a version: what is younger, or what newer servers refuse. */
export interface Versioned {
  readonly since?: number
  readonly until?: number
}

export const since = <T extends Versioned>(version: number, rows: readonly T[]): T[] =>
  rows.map((row) => ({ ...row, since: version }))

/** The last version that has it. */
export const until = <T extends Versioned>(version: number, rows: readonly T[]): T[] =>
  rows.map((row) => ({ ...row, until: version }))

/**
 * Versions of which a whole run takes a third of the rows of each table: the versions between try another third each, so that every row
 * meets Debian's version, the newest and one of these. `PAMCTL_TEST_POSTGRES` asks for versions by name, and for all of their rows.
 */
const THIRDS = [14, 16, 17]

/** The rows of a table that are tried on the version under test. */
export function sampledForVersion<T>(rows: readonly T[]): readonly T[] {
  const third = process.env['PAMCTL_TEST_POSTGRES'] === undefined ? THIRDS.indexOf(POSTGRES_VERSION) : -1
  return third === -1 ? rows : rows.filter((_, index) => index % THIRDS.length === third)
}

/** The rows that the server under test understands. */
export const ofThisVersion = <T extends Versioned>(rows: readonly T[]): readonly T[] =>
  sampledForVersion(
    rows.filter(
      ({ since: first = 0, until: last = Infinity }) => POSTGRES_VERSION >= first && POSTGRES_VERSION <= last,
    ),
  )
