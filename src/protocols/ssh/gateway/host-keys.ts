import { PamError } from '../../../shared/errors.ts'
import { hasSmallOrder } from '../../../shared/small-order.ts'
import type { FirstUse } from '../../protocol.ts'
import { hostCertificateProblem } from '../certificates/host-certificate.ts'
import { knownKeys } from '../known-keys.ts'
import type { SshTarget } from '../target.ts'
import { keyTypeOf, splitKey } from '../wire/certificate.ts'
import { HOST_CERTIFICATES } from './ssh2-library.ts'

/**
 * Whether the key that the target shows (RFC 4253, 6.6) is one of those that it is known by, or a certificate of an authority that it is known
 * by.
 */
export async function checkHostKey(
  key: Buffer,
  target: SshTarget,
  baseDirectory: string,
  firstUse: FirstUse,
): Promise<void> {
  const shown = key.toString('base64')
  const known = knownKeys(target, baseDirectory)
  if (known.revoked.includes(shown)) throw changed(target, 'is revoked in its knownHosts')
  if (keyTypeOf(splitKey(key).type) !== undefined) {
    const problem = hostCertificateProblem(key, {
      ...known,
      principal: target.hostPrincipal ?? target.host,
      revokedSerials: target.revokedHostSerials,
      now: Date.now(),
    })
    if (problem !== undefined) throw changed(target, `is in a certificate that ${problem}`)
    return
  }
  // Anybody could sign for it.
  const { type, fields } = splitKey(key)
  if (type === 'ssh-ed25519' && hasSmallOrder(fields.subarray(4))) throw changed(target, 'has a small order')
  if (known.keys.includes(shown)) return
  if (!target.trustOnFirstUse) throw changed(target, 'is not among the configured keys')
  const first = await firstUse.find(target.name)
  if (first === undefined) return firstUse.keep(target.name, shown)
  if (first !== shown) throw changed(target, 'is not the one that was first seen')
}

const changed = (target: SshTarget, what: string): PamError =>
  new PamError(
    'TARGET_CERTIFICATE',
    `host key verification failed for ${target.name}: the key ${what} (possibly a different host)`,
    {
      side: 'upstream',
      hint: 'ask your administrator to verify the key on the host and configure it',
    },
  )

/** Host key algorithms for a target, as the library takes them; undefined: its own. Certificates are asked for where an authority is known. */
export const hostKeyAlgorithms = (target: SshTarget, baseDirectory: string): string[] | undefined =>
  knownKeys(target, baseDirectory).authorities.length === 0 ? undefined : [...HOST_CERTIFICATES, ...PLAIN]

/** Without those of SHA-1. */
const PLAIN = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
]
