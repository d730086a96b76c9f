import { generateKeyPairSync } from 'node:crypto'
import { expect, it } from 'vitest'
import { isSignedBy, signWith } from '../../../../src/protocols/ssh/certificates/public-key.ts'
import { publicKeyRequest } from '../../../../src/protocols/ssh/gateway/certificate-login.ts'
import { string } from '../../../../src/protocols/ssh/wire/channel-request.ts'
import { ByteReader } from '../../../../src/wire/byte-reader.ts'

it('asks to be let in with the certificate, and signs for this connection alone', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const proof = {
    certificate: Buffer.from('certificate'),
    type: 'ssh-ed25519-cert-v01@openssh.com',
    description: '',
    sign: (bytes: Buffer) => signWith(privateKey, bytes),
  }
  const session = Buffer.alloc(32, 7)
  const request = publicKeyRequest('déploy', proof, session)
  const reader = new ByteReader(request, 'request')
  const next = (): string => reader.bytes(reader.uint32()).toString()
  expect([reader.uint8(), next(), next(), next(), reader.uint8(), next(), next()]).toEqual([
    50,
    'déploy',
    'ssh-connection',
    'publickey',
    1,
    'ssh-ed25519-cert-v01@openssh.com',
    'certificate',
  ])
  const unsigned = request.subarray(0, request.length - reader.left)
  const signature = reader.bytes(reader.uint32())
  reader.end()
  const signed = (id: Buffer): Buffer => Buffer.concat([string(id), unsigned])
  expect(isSignedBy(publicKey, signed(session), signature)).toBe(true)
  expect(isSignedBy(publicKey, signed(Buffer.alloc(32, 8)), signature)).toBe(false)
})
