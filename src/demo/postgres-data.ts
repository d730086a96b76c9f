import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A user of this machine. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** The programs of one installation, and whom they run as where that is not whoever runs this process. */
export interface PostgresPrograms {
  readonly bin: string
  readonly owner: Owner | undefined
}

export const SUPERUSER = { user: 'postgres', password: 'local-superuser' } as const

/** Of the server and the programs that make its data. */
export const LOCALE = { LC_ALL: 'C' } as const
/** Nothing of the user's own configuration. */
const ENVIRONMENT: NodeJS.ProcessEnv = { PATH: process.env['PATH'], ...LOCALE }

// Small segments of the log, since they are copied.
const OPTIONS = [
  '-U',
  SUPERUSER.user,
  '-A',
  'scram-sha-256',
  '-E',
  'UTF8',
  '--locale=C',
  '--no-sync',
  '--wal-segsize=1',
]

/**
 * Makes a server's directory of data, which must not exist; the directory around it belongs to the programs' owner. Where
 * PAMCTL_DEMO_POSTGRES_DATA names a directory, what `initdb` makes is kept there, and copied from then on.
 */
export function makeData(programs: PostgresPrograms, data: string): void {
  const kept = process.env['PAMCTL_DEMO_POSTGRES_DATA'] ?? ''
  const template = kept === '' ? undefined : join(kept, nameOf(programs))
  if (template !== undefined && existsSync(template)) {
    copy(template, data)
    return
  }
  initialize(programs, data)
  if (template !== undefined) keep(data, template)
}

/** What is kept depends on the version, and on how it was made. */
function nameOf({ bin }: PostgresPrograms): string {
  const { stdout } = spawnSync(join(bin, 'initdb'), ['--version'], { encoding: 'utf8', env: ENVIRONMENT })
  return createHash('sha256')
    .update(JSON.stringify([stdout, OPTIONS, SUPERUSER]))
    .digest('hex')
    .slice(0, 16)
}

function initialize({ bin, owner }: PostgresPrograms, data: string): void {
  const passwordFile = join(dirname(data), 'password')
  writeFileSync(passwordFile, SUPERUSER.password, { mode: 0o644 })
  const made = spawnSync(join(bin, 'initdb'), ['-D', data, `--pwfile=${passwordFile}`, ...OPTIONS], {
    cwd: dirname(data),
    encoding: 'utf8',
    ...owner,
    env: ENVIRONMENT,
  })
  rmSync(passwordFile)
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr ?? made.error?.message}`)
}

/** Several processes may do so at the same time: the first one's is kept. */
function keep(data: string, template: string): void {
  mkdirSync(dirname(template), { recursive: true })
  const own = mkdtempSync(`${template}.`)
  copy(data, join(own, 'data'))
  try {
    renameSync(join(own, 'data'), template)
  } catch (error) {
    if (!existsSync(template)) throw error
  }
  rmSync(own, { recursive: true, force: true })
}

/** With owners and modes, which the server insists on; also where PATH leads nowhere. */
function copy(from: string, to: string): void {
  const { status, stderr, error } = spawnSync(existsSync('/bin/cp') ? '/bin/cp' : 'cp', ['-Rp', from, to], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`cannot copy ${from} to ${to}: ${stderr ?? error?.message}`)
}
