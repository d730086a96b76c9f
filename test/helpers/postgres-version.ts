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
 * Versions of which a whole run takes an eighth of the rows of each table, each another one, so that every row meets `WHOLE`, and every
 * other one of these as well. `PAMCTL_TEST_POSTGRES` asks for versions by name, and for all of their rows.
 */
const WHOLE = 15
const SAMPLED = [14, 16, 17, 18]

/** The rows of a table that are tried on the version under test. */
export function sampledForVersion<T>(rows: readonly T[]): readonly T[] {
  const part = process.env['PAMCTL_TEST_POSTGRES'] === undefined ? SAMPLED.indexOf(POSTGRES_VERSION) : -1
  return part === -1 ? rows : rows.filter((_, index) => index % (2 * SAMPLED.length) === 2 * part)
}

/** The rows that the server under test understands; all of those that the version that takes every row does not. */
export function ofThisVersion<T extends Versioned>(rows: readonly T[]): readonly T[] {
  const fits =
    (version: number) =>
    ({ since: first = 0, until: last = Infinity }: Versioned): boolean =>
      version >= first && version <= last
  const understood = rows.filter(fits(POSTGRES_VERSION))
  return [...sampledForVersion(understood.filter(fits(WHOLE))), ...understood.filter((row) => !fits(WHOLE)(row))]
}
