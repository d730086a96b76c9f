import { asError } from '../../shared/errors.ts'
import ssh2 from 'ssh2'
import { z } from 'zod'
import { resolveSecret } from '../../credentials/secret-reference.ts'
import { secret } from '../../credentials/secret-schema.ts'
import type { ProtocolSection, TargetFinding } from '../protocol.ts'
import { privateKeyIn, publicKeyOf } from './private-key.ts'

const schema = z
  .strictObject({
    hostKeys: z
      .array(secret)
      .min(1)
      .optional()
      .describe(
        "the gateway's SSH host keys, env:NAME or file:PATH, the same on all gateways; default: one that is generated at the first start",
      ),
    hostCertificates: z.unknown().optional().describe('not supported: clients know the gateway by its host keys'),
  })
  .superRefine(({ hostCertificates }, context) => {
    if (hostCertificates !== undefined)
      context.addIssue({
        code: 'custom',
        path: ['hostCertificates'],
        message:
          'host certificates of the gateway itself are not supported: the SSH server library cannot show them; give all gateways the same hostKeys',
      })
  })
  .prefault({})

export type SshSection = z.output<typeof schema>

/** `ssh:` of the configuration. */
export const sshSection: ProtocolSection = {
  schema,
  errors: (section, baseDirectory) =>
    ((section as SshSection).hostKeys ?? []).flatMap((reference, index): TargetFinding[] => {
      try {
        privateKeyIn(reference, baseDirectory)
        return []
      } catch (error) {
        return [{ path: ['hostKeys', index], message: asError(error).message }]
      }
    }),
}

/** The keys that SSH clients know the gateway by: private, in OpenSSH form, and public, as in a .pub file. */
export interface SshHostKeys {
  readonly privateKeys: readonly string[]
  readonly publicKeys: readonly string[]
}

/** The library writes one key in some hundred so that it cannot read it itself: another is made then. */
export function makeEd25519Key(): string {
  for (;;) {
    const { private: text } = ssh2.utils.generateKeyPairSync('ed25519')
    if (!(ssh2.utils.parseKey(text) instanceof Error)) return text
  }
}

/** Those that are configured, else `own`. Throws for what is no key. */
export function ownHostKeys(section: SshSection, baseDirectory: string, own: string | undefined): SshHostKeys {
  const { hostKeys } = section
  if (hostKeys !== undefined) {
    return {
      privateKeys: hostKeys.map((reference) => `${resolveSecret(reference, baseDirectory)}\n`),
      publicKeys: hostKeys.map((reference) => publicKeyOf(privateKeyIn(reference, baseDirectory))),
    }
  }
  if (own === undefined) return { privateKeys: [], publicKeys: [] }
  const parsed = ssh2.utils.parseKey(own)
  if (parsed instanceof Error) throw parsed
  return { privateKeys: [own], publicKeys: [publicKeyOf(parsed)] }
}
