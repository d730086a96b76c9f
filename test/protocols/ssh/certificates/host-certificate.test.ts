import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { authorityOf, issue } from '../../../../src/protocols/ssh/certificates/authority.ts'
import {
  hostCertificateProblem,
  type HostCertificateRules,
} from '../../../../src/protocols/ssh/certificates/host-certificate.ts'
import { encodePublicKey } from '../../../../src/protocols/ssh/certificates/public-key.ts'
import type { SshCertificate } from '../../../../src/protocols/ssh/wire/certificate.ts'

const authority = authorityOf(generateKeyPairSync('ed25519').privateKey)
const other = authorityOf(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey)
const hostKey = encodePublicKey(generateKeyPairSync('ed25519').publicKey)
const shortKey = encodePublicKey(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey)
const base64 = (bytes: Buffer): string => bytes.toString('base64')
const now = Date.UTC(2026, 10, 29)
const seconds = BigInt(now / 1000)
const plain: Omit<SshCertificate, 'signatureKey'> = {
  nonce: Buffer.alloc(32),
  publicKey: hostKey,
  serial: 42n,
  kind: 'host',
  keyId: 'web',
  principals: ['other.example', 'web.example'],
  validAfter: seconds,
  validBefore: seconds + 1n,
  criticalOptions: [],
  extensions: [],
}
const rules: HostCertificateRules = {
  authorities: [base64(authority.publicKey)],
  revoked: [],
  principal: 'Web.Example',
  revokedSerials: ['43'],
  now,
}
const problemOf = async (
  given: Partial<SshCertificate> = {},
  changed: Partial<HostCertificateRules> = {},
  by = authority,
): Promise<string | undefined> =>
  hostCertificateProblem(await issue({ ...plain, ...given }, by), { ...rules, ...changed })

describe('a host certificate', () => {
  it('proves the host that it is for, of each type of authority', async () => {
    expect(await problemOf()).toBeUndefined()
    expect(await problemOf({}, { authorities: [base64(other.publicKey)] }, other)).toBeUndefined()
    expect(await problemOf({ extensions: [{ name: 'unknown@example.com' }] })).toBeUndefined()
    expect(await problemOf({ validAfter: 0n, validBefore: 2n ** 64n - 1n })).toBeUndefined()
  })

  it.each<[string, Partial<SshCertificate>, Partial<HostCertificateRules>]>([
    ['is for users, not for hosts', { kind: 'user' }, {}],
    ['is for a key that is invalid or too short', { publicKey: shortKey }, {}],
    ['is not for Web.Example', { principals: [] }, {}],
    ['is not for Web.Example', { principals: ['*.example', 'web.example.org', ''] }, {}],
    ['is not valid yet', { validAfter: seconds + 1n }, {}],
    ['has expired', { validBefore: seconds }, {}],
    [
      'has the critical option "force-command", which is not known',
      { criticalOptions: [{ name: 'force-command', value: 'x' }] },
      {},
    ],
    ['has a revoked serial number', {}, { revokedSerials: ['42'] }],
    ['has a revoked key', {}, { revoked: [base64(hostKey)] }],
    ['is signed by a revoked authority', {}, { revoked: [base64(authority.publicKey)] }],
    ['is signed by none of the configured authorities', {}, { authorities: [base64(other.publicKey)] }],
    ['is signed by none of the configured authorities', {}, { authorities: [base64(hostKey)] }],
  ])('does not, where it %s', async (why, given, changed) => {
    expect(await problemOf(given, changed)).toBe(why)
  })

  it('does not with another signature, or with any byte changed', async () => {
    const forged = await issue(plain, { publicKey: authority.publicKey, sign: (bytes) => other.sign(bytes) })
    expect(hostCertificateProblem(forged, rules)).toBe('its signature by the authority does not verify')
    const genuine = await issue(plain, authority)
    for (let at = 0; at < genuine.length; at++) {
      const changed = Buffer.from(genuine)
      changed[at] = (changed[at] ?? 0) ^ 0x10
      expect(hostCertificateProblem(changed, rules), String(at)).not.toBeUndefined()
    }
    expect(hostCertificateProblem(Buffer.alloc(4), rules)).toBe('cannot be read')
  })
})
