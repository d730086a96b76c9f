import { PamError } from '../../../shared/errors.ts'
import type { FirstUse } from '../../protocol.ts'
import { knownKeys } from '../known-keys.ts'
import type { SshTarget } from '../target.ts'

/** Whether the key that the target shows (RFC 4253, 6.6, in base64) is one of those that it is known by. */
export async function checkHostKey(
  key: Buffer,
  target: SshTarget,
  baseDirectory: string,
  firstUse: FirstUse,
): Promise<void> {
  const shown = key.toString('base64')
  const known = knownKeys(target, baseDirectory)
  if (known.revoked.includes(shown)) throw changed(target, 'is revoked in its knownHosts')
  if (known.keys.includes(shown)) return
  if (!target.trustOnFirstUse) throw changed(target, 'is none of the configured ones')
  const first = await firstUse.find(target.name)
  if (first === undefined) return firstUse.keep(target.name, shown)
  if (first !== shown) throw changed(target, 'is not the one that was seen first')
}

const changed = (target: SshTarget, what: string): PamError =>
  new PamError(
    'TARGET_CERTIFICATE',
    `host key verification failed for ${target.name}: the key ${what} (possibly a different host)`,
    {
      side: 'upstream',
      hint: 'ask your gateway administrator to verify the key on the host and configure it',
    },
  )
