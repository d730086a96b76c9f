import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { authorityOf, issue } from '../../../../src/protocols/ssh/certificates/authority.ts'
import { encodePublicKey } from '../../../../src/protocols/ssh/certificates/public-key.ts'
import {
  wantedCertificateProblem,
  type WantedCertificate,
} from '../../../../src/protocols/ssh/certificates/wanted-certificate.ts'
import type { SshCertificate } from '../../../../src/protocols/ssh/wire/certificate.ts'

const keyOf = () => generateKeyPairSync('ed25519').privateKey
const authority = authorityOf(keyOf())
const from = Date.UTC(2026, 10, 30)
const seconds = (ms: number): bigint => BigInt(ms / 1000)
const wanted: WantedCertificate = {
  publicKey: encodePublicKey(keyOf()),
  keyId: 'session=ses_1',
  principals: ['deploy', 'web'],
  criticalOptions: [{ name: 'source-address', value: '10.0.0.2' }],
  extensions: ['permit-pty', 'permit-port-forwarding'],
  from,
  until: from + 300_000,
}
const good: Omit<SshCertificate, 'signatureKey'> = {
  nonce: randomBytes(32),
  publicKey: wanted.publicKey,
  serial: 1n,
  kind: 'user',
  keyId: wanted.keyId,
  principals: ['web', 'deploy'],
  validAfter: seconds(from - 30_000),
  validBefore: seconds(from + 300_000),
  criticalOptions: wanted.criticalOptions,
  extensions: wanted.extensions.map((name) => ({ name })),
}
const problemOf = async (change: Partial<typeof good> = {}, asked: Partial<WantedCertificate> = {}) =>
  wantedCertificateProblem(await issue({ ...good, ...change }, authority), { ...wanted, ...asked })

describe('a certificate that somebody else has signed', () => {
  it.each([
    ['what was asked for, in another order', {}, {}],
    ['an earlier end', { validBefore: seconds(from + 1000) }, {}],
    ['fewer extensions', { extensions: [] }, {}],
    ['a source address of its own', {}, { criticalOptions: [] }],
    ['an end of a clock that is 5 s ahead', { validBefore: seconds(from + 305_000) }, {}],
  ])('is good with %s', async (_name, change, asked) => expect(await problemOf(change, asked)).toBeUndefined())

  it.each([
    ['another key', { publicKey: encodePublicKey(keyOf()) }, 'is for another key'],
    ['a host in place of a user', { kind: 'host' }, 'is for hosts, not for users'],
    ['no principals, which is any', { principals: [] }, 'is for other principals'],
    ['one principal more', { principals: ['deploy', 'root', 'web'] }, 'is for other principals'],
    ['one principal less', { principals: ['deploy'] }, 'is for other principals'],
    ['two principals as one', { principals: ['deploy,web'] }, 'is for other principals'],
    ['the key id of another session', { keyId: 'session=ses_2' }, 'has another key id'],
    ['a longer time', { validBefore: seconds(from + 361_000) }, 'is valid for longer than was asked for'],
    ['no end', { validBefore: 2n ** 64n - 1n }, 'is valid for longer than was asked for'],
    ['a time that is over', { validBefore: seconds(from) }, 'has expired'],
    ['a time that has not begun', { validAfter: seconds(from + 61_000) }, 'is not valid yet'],
    ['no source address', { criticalOptions: [] }, 'lacks the critical option source-address that was asked for'],
    [
      'another source address',
      { criticalOptions: [{ name: 'source-address', value: '0.0.0.0/0' }] },
      'lacks the critical option source-address that was asked for',
    ],
    [
      'a command in place of the session',
      { criticalOptions: [{ name: 'force-command', value: 'sh' }, ...wanted.criticalOptions] },
      'has the critical option "force-command", which was not asked for',
    ],
    [
      'an agent, forwarded',
      { extensions: [{ name: 'permit-agent-forwarding' }] },
      'has the extension "permit-agent-forwarding", which was not asked for',
    ],
    [
      'an extension with a value',
      { extensions: [{ name: 'permit-pty', value: 'x' }] },
      'has the extension "permit-pty", which was not asked for',
    ],
  ] satisfies [string, Partial<typeof good>, string][])('is refused with %s', async (_name, change, expected) =>
    expect(await problemOf(change)).toBe(expected),
  )

  it('is refused without a signature of its authority, and where a byte of it was changed', async () => {
    const bytes = await issue(good, { ...authorityOf(keyOf()), publicKey: authority.publicKey })
    expect(wantedCertificateProblem(bytes, wanted)).toBe('its authority has not signed as it is')
    expect(wantedCertificateProblem(Buffer.alloc(0), wanted)).toBe('cannot be read')
    const whole = await issue(good, authority)
    for (let at = 0; at < whole.length; at += 7) {
      const changed = Buffer.from(whole)
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
      expect(wantedCertificateProblem(changed, wanted), `byte ${at}`).toBeDefined()
    }
  })
})
