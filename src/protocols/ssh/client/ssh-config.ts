import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PAMCTL } from '../../../shared/own-program.ts'
import type { Target } from '../../../api/schemas/access.ts'
import type { ListenerInfo } from '../../client-half.ts'
import { PamError, UsageError } from '../../../shared/errors.ts'
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
  for (const target of targets) needPlain(target)
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
  for (const target of targets) needPlain(target)
  const lines = targets.flatMap(({ name, hostKeys = [], hostAuthorities = [] }) => [
    ...hostAuthorities.map((key) => `@cert-authority ${aliasOf(name)} ${key}\n`),
    ...hostKeys.map((key) => `${aliasOf(name)} ${key}\n`),
  ])
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  replaceFile(file, lines.join(''))
}

/**
 * Both files have one entry a line, and ssh runs commands that are in its configuration. What a gateway says is written there only where it is a name or
 * a public key and nothing else: one in the wrong hands does not get to run anything on this machine.
 */
function needPlain({ name, accounts, hostKeys = [], hostAuthorities = [] }: Target): void {
  const isPlain =
    [name, ...accounts].every((one) => NAME.test(one)) &&
    [...hostKeys, ...hostAuthorities].every((key) => KEY.test(key))
  if (isPlain) return
  throw new PamError(
    'PROTOCOL_VIOLATION',
    'the gateway names a target, an account or a host key that cannot be written in an ssh_config',
    { side: 'gateway', hint: 'tell your administrator: nothing was written' },
  )
}
/** At least what the configuration of a gateway allows, and nothing that ends a word or is a pattern. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,255}$/
/** Type and base64. */
const KEY = /^[a-z0-9][a-z0-9@.-]{0,63} [A-Za-z0-9+/]+={0,2}$/

/** Of all SSH targets of a profile, in its directory. */
export const knownHostsIn = (directory: string): string => join(directory, 'ssh', 'known_hosts')

/** ssh_config(5) knows double quotes; what they cannot hold cannot be written, and % stands for a token. */
export function quoted(text: string): string {
  if (/["\n\\]/.test(text)) throw new UsageError(`${text} cannot be written in an ssh_config`)
  return /^[\w@+=:,./-]+$/.test(text) ? text : `"${text.replaceAll('%', '%%')}"`
}
