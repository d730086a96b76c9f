import { asError } from '../../shared/errors.ts'
import ssh2 from 'ssh2'
import { z } from 'zod'
import { resolveSecret } from '../../credentials/secret-reference.ts'
import { secret } from '../../credentials/secret-schema.ts'
import { systemClock } from '../../shared/clock.ts'
import { duration } from '../../shared/duration-schema.ts'
import type { Logger } from '../../shared/logger.ts'
import { readableFile } from '../../shared/needed-values.ts'
import type { ProtocolSection, TargetFinding } from '../protocol.ts'
import { authorityOf, type CertificateAuthority } from './certificates/authority.ts'
import {
  certificatesInFiles,
  certificatesSignedHere,
  NO_CERTIFICATES,
  readHostCertificate,
  type OwnHostCertificates,
} from './own-host-certificates.ts'
import { keyObjectOf, privateKeyIn, publicKeyOf } from './private-key.ts'

const schema = z
  .strictObject({
    hostKeys: z
      .array(secret)
      .min(1)
      .optional()
      .describe(
        "the gateway's SSH host keys, env:NAME or file:PATH, the same on all gateways; default: one that is generated at the first start",
      ),
    hostCertificates: z
      .array(readableFile)
      .min(1)
      .optional()
      .describe(
        'certificates of the host keys that another authority signs, as ssh-keygen writes them (-cert.pub), for the principals pamctl-TARGET; read again for each client',
      ),
    hostAuthority: z
      .strictObject({
        key: secret.describe('env:NAME or file:PATH of the private key that signs, of type ed25519, ecdsa or rsa'),
        passphrase: secret.optional().describe('env:NAME or file:PATH, where the key is encrypted'),
        validFor: duration
          .prefault('1d')
          .refine((time) => time >= 3_600_000 && time <= 30 * 86_400_000, 'expected from 1h to 30d')
          .describe('how long a certificate is valid; it is renewed after half of that time'),
      })
      .optional()
      .describe('the gateway signs certificates for its host keys itself, one for each target'),
  })
  .refine(({ hostCertificates, hostAuthority }) => hostCertificates === undefined || hostAuthority === undefined, {
    path: ['hostAuthority'],
    message: 'give hostCertificates or hostAuthority, not both',
  })
  .prefault({})

export type SshSection = z.output<typeof schema>

/** `ssh:` of the configuration. */
export const sshSection: ProtocolSection<SshSection> = { schema, errors }

function errors(
  { hostKeys, hostCertificates = [], hostAuthority }: SshSection,
  baseDirectory: string,
): TargetFinding[] {
  const found: TargetFinding[] = []
  const attempt = <T>(path: TargetFinding['path'], work: () => T): T | undefined => {
    try {
      return work()
    } catch (error) {
      found.push({ path, message: asError(error).message })
      return undefined
    }
  }
  const keys = hostKeys?.map((reference, index) =>
    attempt(['hostKeys', index], () => base64Of(publicKeyOf(privateKeyIn(reference, baseDirectory)))),
  )
  // A key that cannot be read is one problem, not two.
  const known = keys?.every((key) => key !== undefined) === true ? keys : undefined
  hostCertificates.forEach((file, index) =>
    attempt(['hostCertificates', index], () => readHostCertificate(file, baseDirectory, known)),
  )
  if (hostAuthority !== undefined) attempt(['hostAuthority', 'key'], () => authorityFrom(hostAuthority, baseDirectory))
  return found
}

function authorityFrom(
  { key, passphrase }: NonNullable<SshSection['hostAuthority']>,
  baseDirectory: string,
): CertificateAuthority {
  return authorityOf(keyObjectOf(privateKeyIn(key, baseDirectory, passphrase)))
}

/** The keys that SSH clients know the gateway by: private, in OpenSSH form, and public, as in a .pub file. */
export interface SshHostKeys {
  readonly privateKeys: readonly string[]
  readonly publicKeys: readonly string[]
}

/** Certificates for these keys, as configured. */
export function ownHostCertificates(
  { hostCertificates, hostAuthority }: SshSection,
  { publicKeys }: SshHostKeys,
  { baseDirectory, logger }: { readonly baseDirectory: string; readonly logger: Logger | undefined },
): OwnHostCertificates {
  const hostKeys = publicKeys.map(base64Of)
  const now = (): number => systemClock.now()
  if (hostCertificates !== undefined)
    return certificatesInFiles({ files: hostCertificates, baseDirectory, hostKeys, now, logger })
  if (hostAuthority === undefined) return NO_CERTIFICATES
  const authority = authorityFrom(hostAuthority, baseDirectory)
  return certificatesSignedHere({ authority, validFor: hostAuthority.validFor, hostKeys, now })
}

/** Of a line of a .pub file. */
const base64Of = (line: string): string => line.split(' ')[1] ?? ''

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
