import { randomUUID } from 'node:crypto'
import { lstatSync, mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PAMCTL } from '../../../shared/own-program.ts'
import type { Target } from '../../../api/schemas/access.ts'
import { UsageError } from '../../../shared/errors.ts'
import { fileProblem } from '../../../shared/file-problem.ts'

/** Where a Host block gets its parts from. */
export interface HostBlockParts {
  readonly targets: readonly Target[]
  readonly knownHosts: string
  /** Options of pamctl that choose the login. */
  readonly options: readonly string[]
}

/** Host blocks of ssh_config(5): the way through pamctl, the gateway's host key, the usual account. */
export function hostBlocks({ targets, knownHosts, options }: HostBlockParts): string {
  const pamctl = [process.execPath, PAMCTL, ...options].map(quoted).join(' ')
  return targets
    .map(({ name, accounts }) =>
      [
        `Host ${name}`,
        `  HostName ${name}`,
        ...(accounts[0] === undefined ? [] : [`  User ${accounts[0]}`]),
        `  ProxyCommand ${pamctl} tunnel --protocol ssh %n`,
        `  HostKeyAlias ${aliasOf(name)}`,
        `  UserKnownHostsFile ${quoted(knownHosts)}`,
        '  GlobalKnownHostsFile none',
        '  StrictHostKeyChecking yes',
        '  UpdateHostKeys no',
        '  PreferredAuthentications none',
        '  ForwardAgent no',
        '  ForwardX11 no',
        '',
      ].join('\n'),
    )
    .join('\n')
}

/** known_hosts lines: every target shows the gateway's key. */
export function writeKnownHosts(file: string, targets: readonly Target[]): void {
  const lines = targets.flatMap(({ name, hostKeys = [] }) => hostKeys.map((key) => `${aliasOf(name)} ${key}\n`))
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  replaceFile(file, lines.join(''))
}

/**
 * Whoever reads it meanwhile reads the old one or the new one. A link, as managers of dotfiles make them, stays: what it
 * points to is replaced. The new file has a name that nobody can have prepared.
 */
export function replaceFile(file: string, text: string): void {
  try {
    const real = lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true ? realpathSync(file) : file
    const next = `${real}.${randomUUID().slice(0, 8)}`
    writeFileSync(next, text, { mode: 0o600, flag: 'wx' })
    try {
      renameSync(next, real)
    } catch (error) {
      rmSync(next, { force: true })
      throw error
    }
  } catch (error) {
    throw new UsageError(fileProblem(file, error, 'written'))
  }
}

export const knownHostsIn = (home: string): string => join(home, 'ssh', 'known_hosts')

export const aliasOf = (target: string): string => `pamctl-${target}`

/** ssh_config(5) knows double quotes; what they cannot hold cannot be written, and % stands for a token. */
export function quoted(text: string): string {
  if (/["\n\\]/.test(text)) throw new UsageError(`${text} cannot be written in an ssh_config`)
  return /^[\w@+=:,./-]+$/.test(text) ? text : `"${text.replaceAll('%', '%%')}"`
}
