import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { z } from 'zod'
import type { CredentialSource, Lessee, SshCertificateProof } from '../../credentials/credential.ts'
import { certificateAuthority, credential, REFERENCE } from '../../credentials/secret-schema.ts'
import type { Secrets } from '../../credentials/secrets.ts'
import { parseStoreReference, type CredentialReference } from '../../credentials/store-reference.ts'
import { StoreFailure } from '../../credentials/stores/store.ts'
import { PamError } from '../../shared/errors.ts'
import { duration } from '../../shared/duration-schema.ts'
import { formatDuration } from '../../shared/duration.ts'
import { visible } from '../../shared/visible.ts'
import { authorityOf, fingerprintOf, issue, type CertificateAuthority } from './certificates/authority.ts'
import { encodePublicKey, signWith } from './certificates/public-key.ts'
import { CLOCK_SKEW_MS, wantedCertificateProblem, type WantedCertificate } from './certificates/wanted-certificate.ts'
import { keyObjectOf, privateKeyFrom } from './private-key.ts'
import { decodeCertificate, splitKey } from './wire/certificate.ts'

/** `certificate:` of a login: how the gateway signs itself a certificate for each session. */
export const certificateSettings = z
  .strictObject({
    ca: certificateAuthority.describe(
      'env:NAME, file:PATH or a reference to a store, of the private key that signs, of type ed25519, ecdsa or rsa; or vault-ssh:MOUNT/ROLE: a key that stays in Vault. The target trusts its public half (TrustedUserCAKeys)',
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
  .refine(({ ca, passphrase }) => passphrase === undefined || !staysInVault(ca), {
    path: ['passphrase'],
    message: 'is for a key that the gateway reads: with vault-ssh the key stays in Vault',
  })
  .optional()

export type CertificateSettings = NonNullable<z.output<typeof certificateSettings>>

/**
 * A certificate for each session, over a key that is made for it and never leaves this process: good for one account, from now for a few
 * minutes, with the session and the person in its key id. The authority's key is read each time, so that a new one is seen at once; one that
 * stays in Vault is asked to sign each time.
 */
export function sessionCertificate(
  user: string,
  settings: CertificateSettings,
  { secrets, forwards }: { readonly secrets: Secrets; readonly forwards: boolean },
): CredentialSource {
  return {
    lease: async (lessee) => {
      const { privateKey } = generateKeyPairSync('ed25519')
      const wanted = wantedFor(encodePublicKey(privateKey), user, { settings, forwards, lessee })
      const certificate = staysInVault(settings.ca)
        ? await signedInVault(settings.ca, wanted, secrets)
        : await issuedHere(wanted, await authorityIn(settings, secrets))
      return {
        user,
        password: undefined,
        sshCertificate: proofOf(privateKey, certificate, wanted),
        release: () => Promise.resolve(),
      }
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
      hint: 'ask your administrator to check the log',
    })
  }
}

function wantedFor(
  publicKey: Buffer,
  user: string,
  { settings, forwards, lessee }: { settings: CertificateSettings; forwards: boolean; lessee: Lessee },
): WantedCertificate {
  const { principals = [user], sourceAddress, extensions = defaultExtensions(forwards), validFor } = settings
  return {
    publicKey,
    keyId: keyIdOf(lessee),
    principals,
    criticalOptions: sourceAddress === undefined ? [] : [{ name: 'source-address', value: sourceAddress.join(',') }],
    extensions,
    from: lessee.at,
    until: Math.min(lessee.at + validFor, lessee.endsAt),
  }
}

function issuedHere(wanted: WantedCertificate, authority: CertificateAuthority): Promise<Buffer> {
  const { publicKey, keyId, principals, criticalOptions, extensions, from, until } = wanted
  return issue(
    {
      nonce: randomBytes(32),
      publicKey,
      serial: randomBytes(8).readBigUInt64BE(),
      kind: 'user',
      keyId,
      principals,
      validAfter: secondsOf(from - CLOCK_SKEW_MS),
      validBefore: secondsOf(until),
      criticalOptions,
      extensions: extensions.map((name) => ({ name })),
    },
    authority,
  )
}

/** Vault's SSH engine signs what its role lets it sign, which need not be what it was asked for: all of it is read again. */
function signedInVault(ca: CredentialReference, wanted: WantedCertificate, secrets: Secrets): Promise<Buffer> {
  const { publicKey, keyId, principals, criticalOptions, extensions, from, until } = wanted
  const request = {
    publicKey: `${splitKey(publicKey).type} ${publicKey.toString('base64')}`,
    principals,
    keyId,
    // Zero would be the default of the role.
    lasts: Math.max(1, Math.floor((until - from) / 1000)),
    criticalOptions,
    extensions,
  }
  return secrets.sshCertificate(ca, request, (line) => {
    const [, encoded] = /^ssh-ed25519-cert-v01@openssh\.com ([A-Za-z0-9+/]+={0,2})\n?$/.exec(line) ?? []
    const certificate = Buffer.from(encoded ?? '', 'base64')
    const problem = wantedCertificateProblem(certificate, wanted)
    if (problem !== undefined) throw new StoreFailure('secret', `gave a certificate that ${problem}`)
    return certificate
  })
}

function proofOf(privateKey: KeyObject, certificate: Buffer, { from, until }: WantedCertificate): SshCertificateProof {
  const { serial, keyId, signatureKey } = decodeCertificate(certificate).certificate
  return {
    certificate,
    type: splitKey(certificate).type,
    description: `a certificate for ${formatDuration(until - from)}: serial ${serial}, key id "${keyId}", CA ${fingerprintOf(signatureKey)}`,
    sign: (bytes) => signWith(privateKey, bytes),
  }
}

/** The session first, in a form of its own: nothing in the name of a person can be taken for another session. */
const keyIdOf = ({ session, person }: Lessee): string =>
  `session=${session} person=${word(person.id)} name=${word(person.label)}`.slice(0, MAX_KEY_ID)

const word = (text: string): string => visible(text).replace(/\s/g, '_')

const defaultExtensions = (forwards: boolean): readonly string[] =>
  forwards ? ['permit-port-forwarding', 'permit-pty'] : ['permit-pty']

function staysInVault(ca: string): boolean {
  return parseStoreReference(ca)?.store === 'vault-ssh'
}

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

/** Characters. */
const MAX_KEY_ID = 512
