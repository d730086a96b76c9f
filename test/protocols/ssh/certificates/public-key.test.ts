import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  decodePublicKey,
  encodePublicKey,
  isSignedBy,
  signWith,
} from '../../../../src/protocols/ssh/certificates/public-key.ts'
import { SMALL_ORDER_KEYS } from '../../../helpers/small-order-keys.ts'
import { string } from '../../../../src/protocols/ssh/wire/channel-request.ts'

interface Pair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}
const ec = (namedCurve: string): Pair => generateKeyPairSync('ec', { namedCurve })
const pairs: [string, Pair][] = [
  ['ssh-ed25519', generateKeyPairSync('ed25519')],
  ['rsa-sha2-512', generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['ecdsa-sha2-nistp256', ec('prime256v1')],
  ['ecdsa-sha2-nistp384', ec('secp384r1')],
  ['ecdsa-sha2-nistp521', ec('secp521r1')],
]
const text = Buffer.from('what is signed')

describe('keys and signatures of SSH', () => {
  it.each(pairs)('%s: a key decodes to what was encoded, and its signatures verify', (algorithm, pair) => {
    const blob = encodePublicKey(pair.privateKey)
    const key = decodePublicKey(blob)
    expect(key.equals(pair.publicKey)).toBe(true)
    // Numbers of ECDSA and RSA have leading zeros now and then.
    for (let round = 0; round < 20; round++) {
      const bytes = Buffer.from([round])
      const signature = signWith(pair.privateKey, bytes)
      expect(signature.subarray(0, 4 + algorithm.length)).toEqual(string(algorithm))
      expect(isSignedBy(key, bytes, signature)).toBe(true)
      expect(isSignedBy(key, text, signature)).toBe(false)
    }
  })

  it('a signature with any byte changed does not verify', () => {
    for (const [, { privateKey, publicKey }] of pairs) {
      const signature = signWith(privateKey, text)
      for (let at = 0; at < signature.length; at += 7) {
        const changed = Buffer.from(signature)
        changed[at] = (changed[at] ?? 0) ^ 1
        expect(isSignedBy(publicKey, text, changed)).toBe(false)
      }
    }
  })

  it('points of small order are refused: anybody could sign for them', () => {
    for (const key of SMALL_ORDER_KEYS)
      expect(() => decodePublicKey(Buffer.concat([string('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), key]))).toThrow(
        'small order',
      )
  })

  it('SHA-1, short keys of RSA and other types are refused', () => {
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
    expect(() => signWith(short.privateKey, text)).toThrow('at least 2048 bits')
    expect(() => decodePublicKey(encodePublicKey(short.publicKey))).toThrow('fewer than 2048 bits')
    const rsa = pairs[1]?.[1] as Pair
    const signature = signWith(rsa.privateKey, text)
    const raw = signature.subarray(4 + 'rsa-sha2-512'.length)
    expect(isSignedBy(rsa.publicKey, text, Buffer.concat([string('ssh-rsa'), raw]))).toBe(false)
    expect(isSignedBy(rsa.publicKey, text, Buffer.concat([string('rsa-sha2-256'), raw]))).toBe(false)
    expect(() => encodePublicKey(generateKeyPairSync('x25519').publicKey)).toThrow('ed25519, rsa or ecdsa')
    expect(() => encodePublicKey(ec('secp256k1').publicKey)).toThrow('ed25519, rsa or ecdsa')
  })

  it.each<[string, Buffer]>([
    ['another curve than its type says', blobOf('ecdsa-sha2-nistp256', 'nistp384', Buffer.alloc(65, 4))],
    ['a compressed point', blobOf('ecdsa-sha2-nistp256', 'nistp256', Buffer.alloc(33, 2))],
    ['a point that is not on the curve', blobOf('ecdsa-sha2-nistp256', 'nistp256', Buffer.alloc(65, 4))],
    ['a key of Ed25519 that is too short', blobOf('ssh-ed25519', Buffer.alloc(31))],
    ['a negative number', blobOf('ssh-rsa', Buffer.from([3]), Buffer.alloc(256, 0x80))],
    ['bytes behind it', blobOf('ssh-ed25519', Buffer.alloc(32), '')],
    ['nothing', Buffer.alloc(0)],
  ])('a key is refused: %s', (_, blob) => {
    expect(() => decodePublicKey(blob)).toThrow()
  })
})

function blobOf(...parts: (string | Buffer)[]): Buffer {
  return Buffer.concat(parts.map((part) => string(part)))
}
