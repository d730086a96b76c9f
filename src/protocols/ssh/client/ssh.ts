import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Target } from '../../../api/schemas/access.ts'
import type { ClientHalf, ClientStart, HowToConnect, PreparedClient, ListenerInfo } from '../../client-half.ts'
import { replaceFile } from '../../../shared/replace-file.ts'
import { aliasOf } from '../host-alias.ts'
import { hostBlocks, knownHostsIn, quoted, writeKnownHosts } from './ssh-config.ts'

/**
 * An ssh configuration of its own for the child: ssh, scp, sftp, rsync, git and ansible are pointed to it. A word such
 * as `:/tmp` means the target; ssh and sftp need not name it at all.
 */
function prepare({ program, args, target, listener, login, environment }: ClientStart): PreparedClient {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-'))
  const config = join(directory, 'ssh_config')
  const knownHosts = join(directory, 'known_hosts')
  writeKnownHosts(knownHosts, [target])
  replaceFile(config, hostBlocks({ targets: [target], knownHosts, options: login, listener }))
  const ssh = `ssh -F ${quoted(config)}`
  return {
    args: argumentsFor(basename(program), args, target.name, config, ssh),
    environment: {
      ...environment,
      GIT_SSH_COMMAND: ssh,
      RSYNC_RSH: ssh,
      ANSIBLE_SSH_ARGS: `-F ${quoted(config)}`,
      PAMCTL_SSH_CONFIG: config,
    },
    cleanUp: () => rmSync(directory, { recursive: true, force: true }),
  }
}

function argumentsFor(
  program: string,
  args: readonly string[],
  target: string,
  config: string,
  ssh: string,
): readonly string[] {
  const named = args.map((word) =>
    word.replace(/^([^@/:\s-][^@/:\s]*@)?:/, (_, user?: string) => `${user ?? ''}${target}:`),
  )
  switch (program) {
    case 'ssh':
    case 'sftp':
      return ['-F', config, ...withHost(args, target, program === 'ssh' ? SSH_VALUED : SFTP_VALUED)]
    case 'scp':
      return ['-F', config, ...named]
    case 'rsync':
      return args.some((word) => /^(-e|--rsh)/.test(word)) ? named : ['-e', ssh, ...named]
    default:
      return args
  }
}

/** The target stands after the options, where it is not named. `user@` alone is completed. */
function withHost(args: readonly string[], target: string, valued: string): readonly string[] {
  let at = 0
  for (; at < args.length; at++) {
    const word = args[at] ?? ''
    if (word === '--' || !word.startsWith('-') || word === '-') break
    // The first letter that takes a value takes what follows it, or the next word.
    const letters = Array.from(word.slice(1))
    if (letters.findIndex((letter) => valued.includes(letter)) === letters.length - 1) at++
  }
  const host = args[at]
  if (host === target || host?.endsWith(`@${target}`) === true) return args
  if (host !== undefined && /^[^@\s]+@:?$/.test(host)) {
    return [...args.slice(0, at), `${host.replace(/:$/, '')}${target}`, ...args.slice(at + 1)]
  }
  if (host?.startsWith(':') === true) return [...args.slice(0, at), `${target}${host}`, ...args.slice(at + 1)]
  return [...args.slice(0, at), target, ...args.slice(at)]
}

/** The port of an SSH target, for clients that know no ProxyCommand. */
function describe(target: Target, { host, port }: ListenerInfo, directory: string): HowToConnect {
  // A file of its own: the other one has all targets, for what is installed.
  const knownHosts = `${knownHostsIn(directory)}-${target.name}`
  writeKnownHosts(knownHosts, [target])
  const [user = ''] = target.accounts
  return {
    json: { host, port, user, hostKeys: target.hostKeys ?? [], knownHosts, hostKeyAlias: aliasOf(target.name) },
    lines: [
      `${target.name} is at ${host}:${port}, user ${target.accounts.join(' or ')}`,
      `  ssh -p ${port} -o HostKeyAlias=${aliasOf(target.name)} -o UserKnownHostsFile=${knownHosts} ${user}@${host}`,
      ...(target.hostKeys ?? []).map((key) => `  host key: ${key}`),
    ],
  }
}

/** What speaks SSH and nothing else. */
const SSH_PROGRAMS = new Set(['ssh', 'scp', 'sftp', 'ssh-copy-id', 'sshfs', 'autossh', 'mosh'])
/** Letters of options that take a value: ssh(1), sftp(1). */
const SSH_VALUED = 'BbcDEeFIiJLlmOopPQRSWw'
const SFTP_VALUED = 'BbcDFiJloPRSsX'

/** What speaks SSH comes through a ProxyCommand: no port has to be open for it. */
export const sshClient: ClientHalf = { listens: false, programs: SSH_PROGRAMS, prepare, describe }
