import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PAMCTL } from '../../../shared/own-program.ts'
import type { Target } from '../../../api/schemas/access.ts'
import type { ListenerInfo } from '../../client-half.ts'
import { UsageError } from '../../../shared/errors.ts'
import { replaceFile } from '../../../shared/replace-file.ts'
import { aliasOf } from '../host-alias.ts'

/** Where a Host block gets its parts from. */
export interface HostBlockParts {
  readonly targets: readonly Target[]
  readonly knownHosts: string
  /** Options of pamctl that choose the login. */
  readonly options: readonly string[]
  /** The open port that leads to the target, in place of a pamctl that ssh would start. */
  readonly listener?: Pick<ListenerInfo, 'host' | 'port'> | undefined
}

/** Host blocks of ssh_config(5): the way through pamctl, the gateway's host key, the usual account. */
export function hostBlocks({ targets, knownHosts, options, listener }: HostBlockParts): string {
  const pamctl = [process.execPath, PAMCTL, ...options].map(quoted).join(' ')
  return targets
    .map(({ name, accounts }) =>
      [
        `Host ${name}`,
        ...(listener === undefined
          ? [`  HostName ${name}`]
          : [`  HostName ${listener.host}`, `  Port ${listener.port}`]),
        ...(accounts[0] === undefined ? [] : [`  User ${accounts[0]}`]),
        `  ProxyCommand ${listener === undefined ? `${pamctl} tunnel --protocol ssh %n` : 'none'}`,
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

/**
 * Lines of known_hosts (sshd(8)): every target shows the gateway's key, or a certificate of its authority. The keys are there as well, for clients
 * without certificates and for a certificate that has expired by the client's clock.
 */
export function writeKnownHosts(file: string, targets: readonly Target[]): void {
  const lines = targets.flatMap(({ name, hostKeys = [], hostAuthorities = [] }) => [
    ...hostAuthorities.map((key) => `@cert-authority ${aliasOf(name)} ${key}\n`),
    ...hostKeys.map((key) => `${aliasOf(name)} ${key}\n`),
  ])
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  replaceFile(file, lines.join(''))
}

export const knownHostsIn = (home: string): string => join(home, 'ssh', 'known_hosts')

/** ssh_config(5) knows double quotes; what they cannot hold cannot be written, and % stands for a token. */
export function quoted(text: string): string {
  if (/["\n\\]/.test(text)) throw new UsageError(`${text} cannot be written in an ssh_config`)
  return /^[\w@+=:,./-]+$/.test(text) ? text : `"${text.replaceAll('%', '%%')}"`
}
