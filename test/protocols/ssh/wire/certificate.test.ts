import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeCertificate,
  encodeCertificate,
  MAX_CERTIFICATE_BYTES,
  withSignature,
  type SshCertificate,
} from '../../../../src/protocols/ssh/wire/certificate.ts'
import { string, uint32 } from '../../../../src/protocols/ssh/wire/channel-request.ts'
import { sampledRuns } from '../../../helpers/sampled.ts'

const bytes = (max = 40): fc.Arbitrary<Buffer> => fc.uint8Array({ maxLength: max }).map((array) => Buffer.from(array))
const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const key = fc.oneof(
  bytes().map((point) => Buffer.concat([string('ssh-ed25519'), string(point)])),
  fc.tuple(bytes(), bytes()).map(([e, n]) => Buffer.concat([string('ssh-rsa'), string(e), string(n)])),
  fc
    .constantFrom('nistp256', 'nistp384', 'nistp521')
    .chain((curve) =>
      bytes().map((point) => Buffer.concat([string(`ecdsa-sha2-${curve}`), string(curve), string(point)])),
    ),
)
const options = fc
  .dictionary(text, fc.option(text, { nil: undefined }), { maxKeys: 4, noNullPrototype: true })
  .map((entries) =>
    Object.entries(entries)
      .map(([name, value]) => (value === undefined ? { name } : { name, value }))
      .toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))),
  )
const certificates: fc.Arbitrary<SshCertificate> = fc.record({
  nonce: bytes(),
  publicKey: key,
  serial: uint64,
  kind: fc.constantFrom('user', 'host'),
  keyId: text,
  principals: fc.array(text, { maxLength: 5 }),
  validAfter: uint64,
  validBefore: uint64,
  criticalOptions: options,
  extensions: options,
  signatureKey: key,
})
const plain: SshCertificate = {
  nonce: Buffer.alloc(4, 1),
  publicKey: Buffer.concat([string('ssh-ed25519'), string(Buffer.alloc(32, 2))]),
  serial: 7n,
  kind: 'user',
  keyId: 'id',
  principals: ['deploy'],
  validAfter: 1n,
  validBefore: 2n,
  criticalOptions: [],
  extensions: [{ name: 'permit-pty' }],
  signatureKey: Buffer.concat([string('ssh-ed25519'), string(Buffer.alloc(32, 3))]),
}
const whole = (given: Partial<SshCertificate> = {}): Buffer =>
  withSignature(encodeCertificate({ ...plain, ...given }), Buffer.from('signature'))

describe('an SSH certificate', () => {
  it('decodes to what was encoded, whatever its key, names and options', () => {
    fc.assert(
      fc.property(certificates, bytes(), (certificate, signature) => {
        const signed = encodeCertificate(certificate)
        expect(decodeCertificate(withSignature(signed, signature))).toEqual({ certificate, signed, signature })
      }),
      { numRuns: 200 },
    )
  })

  it('is refused with any byte cut off or added, and never read past its end', () => {
    const all = whole()
    for (let length = 0; length < all.length; length++)
      expect(() => decodeCertificate(all.subarray(0, length)), String(length)).toThrow('SSH')
    expect(() => decodeCertificate(Buffer.concat([all, Buffer.alloc(1)]))).toThrow('1 bytes too many')
  })

  it('decodes to the same bytes again, or not at all, with any byte changed', () => {
    const all = whole({ criticalOptions: [{ name: 'source-address', value: '10.0.0.0/8' }] })
    fc.assert(
      fc.property(fc.nat(all.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(all)
        changed[at] = (changed[at] ?? 0) ^ change
        let read
        try {
          read = decodeCertificate(changed)
        } catch (error) {
          expect(error).toMatchObject({ name: 'WireError' })
          return
        }
        expect(withSignature(read.signed, read.signature).equals(changed)).toBe(true)
      }),
      { numRuns: sampledRuns(300) },
    )
  })

  it.each<[string, Buffer, string]>([
    ['of a type that is not known', Buffer.concat([string('ssh-dss-cert-v01@openssh.com')]), 'not a supported type'],
    ['that is a plain key', plain.publicKey, 'not a supported type'],
    ['of neither a user nor a host', Buffer.from(whole()).fill(3, offsetOfKind(), offsetOfKind() + 4), 'neither'],
    ['of more bytes than any needs', Buffer.alloc(MAX_CERTIFICATE_BYTES + 1), 'longer than'],
    ['with more principals than OpenSSH takes', whole({ principals: Array.from({ length: 257 }, String) }), '256'],
    ['signed with a certificate', whole({ signatureKey: whole() }), 'signed with a certificate'],
  ])('is refused: one %s', (_, given, message) => {
    expect(() => decodeCertificate(given)).toThrow(message)
  })

  it('is refused with options out of order or twice', () => {
    for (const names of [
      ['b', 'a'],
      ['a', 'a'],
    ]) {
      const list = Buffer.concat(names.flatMap((name) => [string(name), string('')]))
      // The list of extensions of `plain` stands where its one name does.
      const marked = whole()
      const at = marked.indexOf(string(Buffer.concat([string('permit-pty'), string('')])))
      const rest = marked.subarray(at + 4 + 4 + 'permit-pty'.length + 4)
      expect(() => decodeCertificate(Buffer.concat([marked.subarray(0, at), string(list), rest]))).toThrow('options')
    }
  })

  it('is not made for a key that has none', () => {
    expect(() => encodeCertificate({ ...plain, publicKey: string('ssh-dss') })).toThrow('no certificates')
  })
})

function offsetOfKind(): number {
  return whole().indexOf(Buffer.concat([uint32(7), uint32(1)])) + 4
}
