import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { PamError } from '../../shared/errors.ts'

/** A target, as far as its host keys go. */
export interface SshHost {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly hostKeys: readonly string[]
  readonly knownHosts?: string | undefined
  readonly hostAuthorities?: readonly string[] | undefined
}

interface KnownKeys {
  readonly keys: readonly string[]
  /** Keys that sign certificates of hosts. */
  readonly authorities: readonly string[]
  /** Of hosts and of authorities. */
  readonly revoked: readonly string[]
}

/** Throws CONFIG_INVALID for what cannot be read. */
export function knownKeys(target: SshHost, baseDirectory: string): KnownKeys {
  const keys = target.hostKeys.map((line) => keyOf(line.trim().split(/\s+/), `hostKeys of ${target.name}`))
  const authorities = (target.hostAuthorities ?? []).map((line) =>
    keyOf(line.trim().split(/\s+/), `hostAuthorities of ${target.name}`),
  )
  if (target.knownHosts === undefined) return { keys, authorities, revoked: [] }
  const { knownHosts } = target
  let text: string
  try {
    text = readFileSync(resolve(baseDirectory, knownHosts), 'utf8')
  } catch (cause) {
    throw new PamError('CONFIG_INVALID', `${knownHosts} cannot be read`, { side: 'gateway', cause })
  }
  const revoked: string[] = []
  const lists = new Map([
    [undefined, keys],
    ['@cert-authority', authorities],
    ['@revoked', revoked],
  ])
  text.split('\n').forEach((line, index) => {
    const words = line.trim().split(/\s+/)
    if (words[0] === '' || words[0]?.startsWith('#') === true) return
    const marker = words[0]?.startsWith('@') === true ? words.shift() : undefined
    const [hosts = '', ...key] = words
    // OpenSSH looks for a key of another port under the plain name, too. What is revoked there is revoked here.
    const isRevoked = marker === '@revoked' && matchesHosts(hosts, { ...target, port: 22 })
    if (!isRevoked && !matchesHosts(hosts, target)) return
    const where = `${knownHosts}:${index + 1}`
    const found = lists.get(marker)
    if (found === undefined)
      throw new PamError('CONFIG_INVALID', `${where}: ${marker} is not known`, { side: 'gateway' })
    found.push(keyOf(key, where))
  })
  return { keys, authorities, revoked }
}

function keyOf([type = '', key = '']: readonly string[], where: string): string {
  const bytes = Buffer.from(key, 'base64')
  const named = bytes.length > 4 ? bytes.subarray(4, 4 + bytes.readUInt32BE(0)).toString('latin1') : ''
  if (type === '' || named !== type || bytes.toString('base64') !== key) {
    throw new PamError('CONFIG_INVALID', `${where}: expected a host key such as "ssh-ed25519 AAAA…"`, {
      side: 'gateway',
    })
  }
  return key
}

/** Patterns of sshd(8), SSH_KNOWN_HOSTS FILE FORMAT: names, `[name]:port`, `*` and `?`, `!`, and hashed names. */
function matchesHosts(hosts: string, { host, port }: Pick<SshHost, 'host' | 'port'>): boolean {
  const name = port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`
  let matches = false
  for (const pattern of hosts.split(',')) {
    if (pattern.startsWith('|1|')) matches ||= isHashOf(pattern, name)
    else if (pattern.startsWith('!')) {
      if (matchesPattern(pattern.slice(1).toLowerCase(), name)) return false
    } else matches ||= matchesPattern(pattern.toLowerCase(), name)
  }
  return matches
}

function isHashOf(pattern: string, name: string): boolean {
  const [, , salt = '', hash = ''] = pattern.split('|')
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash
}

const matchesPattern = (pattern: string, name: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  ).test(name)
