import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { z } from 'zod'
import type { CredentialSource, Lessee, SshCertificateProof } from '../../credentials/credential.ts'
import { credential, REFERENCE } from '../../credentials/secret-schema.ts'
import type { Secrets } from '../../credentials/secrets.ts'
import { PamError } from '../../shared/errors.ts'
import { duration } from '../../shared/duration-schema.ts'
import { formatDuration } from '../../shared/duration.ts'
import { visible } from '../../shared/visible.ts'
import { authorityOf, fingerprintOf, issue, type CertificateAuthority } from './certificates/authority.ts'
import { encodePublicKey, signWith } from './certificates/public-key.ts'
import { keyObjectOf, privateKeyFrom } from './private-key.ts'
import { certificateTypeOf, splitKey } from './wire/certificate.ts'

/** `certificate:` of a login: how the gateway signs itself a certificate for each session. */
export const certificateSettings = z
  .strictObject({
    ca: credential.describe(
      'env:NAME, file:PATH or a reference to a store, of the private key that signs, of type ed25519, ecdsa or rsa; the target trusts its public half (TrustedUserCAKeys)',
    ),
    passphrase: credential.optional().describe(`${REFERENCE}, where the key is encrypted`),
    principals: z
      .array(z.string().regex(/^[^\s,\p{Cc}]{1,255}$/u, 'expected a name without spaces and commas'))
      .min(1)
      .max(256)
      .optional()
      .describe('the principals of the certificate; default: the name of the account'),
    validFor: duration
      .prefault('5m')
      .refine((time) => time >= 30_000 && time <= 3_600_000, 'expected from 30s to 1h')
      .describe('how long after it was made the certificate may be used to log in; the session may last longer'),
    sourceAddress: z
      .array(
        z
          .string()
          .refine(
            isAddressRange,
            'expected an address, or a range by its first address, such as 10.0.0.5 or 10.0.0.0/8',
          ),
      )
      .min(1)
      .optional()
      .describe('addresses that the certificate may be used from: those of the gateway, as the target sees them'),
    extensions: z
      .array(z.enum(['permit-pty', 'permit-port-forwarding', 'permit-user-rc']))
      .optional()
      .describe(
        'what the target allows a session with the certificate; default: permit-pty and permit-port-forwarding, without the latter where fullRecord is set',
      ),
  })
  .optional()

export type CertificateSettings = NonNullable<z.output<typeof certificateSettings>>

/**
 * A certificate for each session, over a key that is made for it and never leaves this process: good for one account, from now for a few
 * minutes, with the session and the person in its key id. The authority's key is read each time, so that a new one is seen at once.
 */
export function sessionCertificate(
  user: string,
  settings: CertificateSettings,
  { secrets, forwards }: { readonly secrets: Secrets; readonly forwards: boolean },
): CredentialSource {
  return {
    lease: async (lessee) => {
      const authority = await authorityIn(settings, secrets)
      const { privateKey } = generateKeyPairSync('ed25519')
      const sshCertificate = await certified(privateKey, user, { settings, forwards, lessee, authority })
      return { user, password: undefined, sshCertificate, release: () => Promise.resolve() }
    },
  }
}

async function authorityIn({ ca, passphrase }: CertificateSettings, secrets: Secrets): Promise<CertificateAuthority> {
  const text = await secrets.read(ca)
  const opened = passphrase === undefined ? undefined : await secrets.read(passphrase)
  try {
    return authorityOf(keyObjectOf(privateKeyFrom(text, opened, ca)))
  } catch (cause) {
    throw new PamError('CONFIG_INVALID', 'the key that signs certificates for this target cannot be used', {
      side: 'gateway',
      cause,
      hint: 'ask your gateway administrator to check the log',
    })
  }
}

interface Issuing {
  readonly settings: CertificateSettings
  readonly forwards: boolean
  readonly lessee: Lessee
  readonly authority: CertificateAuthority
}

async function certified(
  privateKey: KeyObject,
  user: string,
  { settings, forwards, lessee, authority }: Issuing,
): Promise<SshCertificateProof> {
  const publicKey = encodePublicKey(privateKey)
  const until = Math.min(lessee.at + settings.validFor, lessee.endsAt)
  const serial = randomBytes(8).readBigUInt64BE()
  const keyId = keyIdOf(lessee)
  const certificate = await issue(
    {
      nonce: randomBytes(32),
      publicKey,
      serial,
      kind: 'user',
      keyId,
      principals: settings.principals ?? [user],
      validAfter: secondsOf(lessee.at - CLOCK_SKEW_MS),
      validBefore: secondsOf(until),
      criticalOptions:
        settings.sourceAddress === undefined
          ? []
          : [{ name: 'source-address', value: settings.sourceAddress.join(',') }],
      extensions: (settings.extensions ?? defaultExtensions(forwards)).map((name) => ({ name })),
    },
    authority,
  )
  const type = certificateTypeOf(splitKey(publicKey).type) as string
  const validity = formatDuration(until - lessee.at)
  return {
    certificate,
    type,
    description: `a certificate for ${validity}: serial ${serial}, key id "${keyId}", CA ${fingerprintOf(authority.publicKey)}`,
    sign: (bytes) => signWith(privateKey, bytes),
  }
}

/** The session first, in a form of its own: nothing in the name of a person can be taken for another session. */
const keyIdOf = ({ session, person }: Lessee): string =>
  `session=${session} person=${word(person.id)} name=${word(person.label)}`.slice(0, MAX_KEY_ID)

const word = (text: string): string => visible(text).replace(/\s/g, '_')

const defaultExtensions = (forwards: boolean): readonly string[] =>
  forwards ? ['permit-port-forwarding', 'permit-pty'] : ['permit-pty']

const secondsOf = (milliseconds: number): bigint => BigInt(Math.floor(milliseconds / 1000))

/** CIDR, as the critical option `source-address` has it. sshd refuses every certificate with a range that has bits of a host in it. */
function isAddressRange(text: string): boolean {
  const [, address = '', bits] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = isIP(address)
  const length = family === 4 ? 32 : 128
  if (family === 0 || Number(bits ?? length) > length) return false
  const host = (1n << BigInt(length - Number(bits ?? length))) - 1n
  return ((family === 4 ? numberOf4(address) : numberOf6(address)) & host) === 0n
}

const numberOf4 = (address: string): bigint =>
  address.split('.').reduce((number, part) => (number << 8n) | BigInt(part), 0n)

/** A URL has an address of IPv6 in hexadecimal groups, with `::` for one row of zeros. */
function numberOf6(address: string): bigint {
  const [head = '', tail = ''] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::')
  const groups = (text: string): string[] => text.split(':').filter((group) => group !== '')
  const [front, back] = [groups(head), groups(tail)]
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0')
  return [...front, ...zeros, ...back].reduce((number, group) => (number << 16n) | BigInt(`0x${group}`), 0n)
}

/** How far the clock of a target may be behind. */
const CLOCK_SKEW_MS = 60_000
/** Characters. */
const MAX_KEY_ID = 512
