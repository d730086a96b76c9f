import ssh2 from 'ssh2'
import { resolveSecret } from '../../credentials/secret-reference.ts'
import { PamError } from '../../shared/errors.ts'
import type { Config } from '../../server/config/config.ts'

/** The keys that SSH clients know the gateway by: private, in OpenSSH form, and public, type and base64. */
export interface SshHostKeys {
  readonly privateKeys: readonly string[]
  readonly publicKeys: readonly string[]
}

/** Those that are configured, else the gateway's own. Throws CONFIG_INVALID for what is no key. */
export function sshHostKeys(config: Config, own: string): SshHostKeys {
  const references = config.ssh.hostKeys
  const privateKeys =
    references === undefined
      ? [own]
      : references.map((reference) => `${resolveSecret(reference, config.baseDirectory)}\n`)
  const publicKeys = privateKeys.map((text, index) => {
    const parsed = ssh2.utils.parseKey(text)
    const key = Array.isArray(parsed) ? parsed[0] : parsed
    if (key === undefined || key instanceof Error || !key.isPrivateKey()) {
      throw new PamError('CONFIG_INVALID', `ssh.hostKeys[${index}] is no private key that can be used`, {
        side: 'gateway',
        hint: 'make one with ssh-keygen -t ed25519 -N ""',
      })
    }
    return `${key.type} ${key.getPublicSSH().toString('base64')}`
  })
  return { privateKeys, publicKeys }
}
