import type { ParsedKey, ServerConfig } from 'ssh2'
import { decodeCertificate, splitKey } from '../wire/certificate.ts'
import { ssh2 } from './ssh2-library.ts'

/** What the gateway proves to SSH clients that it is the gateway with. */
export interface HostIdentity {
  /** In OpenSSH or PEM form. */
  readonly privateKeys: readonly string[]
  /** Of these keys (PROTOCOL.certkeys); others are left out. */
  readonly certificates: readonly Buffer[]
}

/**
 * Host keys as the library's server takes them: those with a certificate first, and each by itself, for clients that know no certificates. The
 * library sends what a key says is its public half, under the algorithm that it says is its type.
 */
export function hostKeysOf({ privateKeys, certificates }: HostIdentity): ServerConfig['hostKeys'] {
  const keys = privateKeys.map((text): ParsedKey => {
    const parsed = ssh2.utils.parseKey(text)
    const key = Array.isArray(parsed) ? parsed[0] : parsed
    if (key === undefined || key instanceof Error) throw key ?? new Error('no host key')
    return key
  })
  const certified = certificates.flatMap((certificate) => {
    const { publicKey } = decodeCertificate(certificate).certificate
    const key = keys.find((one) => one.getPublicSSH().equals(publicKey))
    return key === undefined ? [] : certifiedKeys(key, certificate)
  })
  return [...certified, ...keys].map((key) => ({ key }))
}

/** RSA has two algorithms of certificates (RFC 8332 has those of signatures), both with certificates of one type. */
function certifiedKeys(key: ParsedKey, certificate: Buffer): ParsedKey[] {
  const { type } = splitKey(certificate)
  if (key.type !== 'ssh-rsa') return [certifiedKey(key, certificate, type)]
  return [512, 256].map((bits) => certifiedKey(key, certificate, `rsa-sha2-${bits}-cert-v01@openssh.com`, `sha${bits}`))
}

/** A key that is shown as a certificate; `hash`: what it signs with, where that is not the one of its type. */
function certifiedKey(key: ParsedKey, certificate: Buffer, type: string, hash?: string): ParsedKey {
  const sign: ParsedKey['sign'] = (data, algorithm) => key.sign(data, hash ?? algorithm)
  const shown: ParsedKey = Object.create(key)
  return Object.assign(shown, { type, sign, getPublicSSH: () => certificate })
}
