import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { serverEndPoint } from '../../../../../src/protocols/postgres/gateway/login/channel-binding.ts'

/** DER, as far as it is looked at; real certificates are in upstream-login.test.ts. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}
const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts)
const algorithm = (id: string, ...parameters: readonly Buffer[]): Buffer =>
  sequence(der(0x06, Buffer.from(id, 'hex')), ...parameters)
const certificate = (signed: Buffer): Buffer =>
  sequence(sequence(Buffer.alloc(300, 7)), signed, der(0x03, Buffer.alloc(3)))
const NULL = der(0x05)
const [RSA_SHA256, PSS, MGF1, ED25519] = ['2a864886f70d01010b', '2a864886f70d01010a', '2a864886f70d010108', '2b6570']
const [SHA1, SHA384, SHA512] = ['2b0e03021a', '608648016503040202', '608648016503040203']
const pss = (hash: string | undefined, maskHash: string | undefined, generator: string = MGF1): Buffer =>
  algorithm(
    PSS,
    sequence(
      ...(hash === undefined ? [] : [der(0xa0, algorithm(hash, NULL))]),
      ...(maskHash === undefined ? [] : [der(0xa1, algorithm(generator, algorithm(maskHash, NULL)))]),
    ),
  )

describe('what a login is bound to', () => {
  it.each<[string, Buffer, string | undefined]>([
    ['RSA with SHA-256', algorithm(RSA_SHA256, NULL), 'sha256'],
    ['RSA with SHA-1: SHA-256 in its place', algorithm('2a864886f70d010105', NULL), 'sha256'],
    ['RSA with MD5: SHA-256 in its place', algorithm('2a864886f70d010104', NULL), 'sha256'],
    ['ECDSA with SHA-384', algorithm('2a8648ce3d040303'), 'sha384'],
    ['PSS with one hash', pss(SHA512, SHA512), 'sha512'],
    ['PSS as it is where nothing is said', pss(undefined, undefined), 'sha256'],
    ['PSS with SHA-1 said and left out', pss(SHA1, undefined), 'sha256'],
    ['PSS with two hashes', pss(SHA512, SHA384), undefined],
    ['PSS with one that is left out', pss(undefined, SHA384), undefined],
    ['PSS with another generator', pss(SHA512, SHA512, '2a864886f70d010109'), undefined],
    ['PSS without parameters', algorithm(PSS), undefined],
    ['Ed25519, which has none', algorithm(ED25519), undefined],
    ['an algorithm that is not known', algorithm('2a0304'), undefined],
  ])('%s', (_, signed, hash) => {
    const bytes = certificate(signed)
    expect(serverEndPoint(bytes)).toEqual(hash === undefined ? undefined : createHash(hash).update(bytes).digest())
  })

  it('is nothing where the certificate ends anywhere before its algorithm does', () => {
    const bytes = certificate(algorithm(RSA_SHA256, NULL))
    for (let length = 0; length < bytes.length; length++)
      expect(serverEndPoint(bytes.subarray(0, length)), String(length)).toBeUndefined()
  })

  it.each([
    ['an indefinite length', Buffer.from('3080300006030000', 'hex')],
    ['a length of five bytes', Buffer.from('308500000000013000', 'hex')],
  ])('is nothing with %s', (_, bytes) => {
    expect(serverEndPoint(bytes)).toBeUndefined()
  })
})
