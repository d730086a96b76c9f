import { createPublicKey, sign, verify, type JsonWebKey, type KeyObject } from 'node:crypto'
import { ByteReader } from '../../../wire/byte-reader.ts'
import { ByteWriter } from '../../../wire/byte-writer.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { hasSmallOrder } from '../../../shared/small-order.ts'
import { splitKey, writeString } from '../wire/certificate.ts'

/**
 * Keys and signatures of SSH in terms of Node's: ssh-ed25519 (RFC 8709), ssh-rsa with SHA-2 (RFC 8332) and ecdsa-sha2-nistp256,
 * -384, -521 (RFC 5656). RSA below 2,048 bits and signatures with SHA-1 are not supported.
 */

/** A public key as SSH encodes it. Throws an Error for keys of other types. */
export function encodePublicKey(key: KeyObject): Buffer {
  const jwk = createPublicKeyOf(key).export({ format: 'jwk' })
  const writer = new ByteWriter()
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') {
    writeString(writer, 'ssh-ed25519')
    writeString(writer, bytesOf(jwk.x))
  } else if (jwk.kty === 'RSA') {
    writeString(writer, 'ssh-rsa')
    writeString(writer, mpint(bytesOf(jwk.e)))
    writeString(writer, mpint(bytesOf(jwk.n)))
  } else {
    const curve = curves.find(({ jwkName }) => jwk.kty === 'EC' && jwk.crv === jwkName)
    if (curve === undefined) throw new Error('expected a key of type ed25519, rsa or ecdsa')
    writeString(writer, `ecdsa-sha2-${curve.name}`)
    writeString(writer, curve.name)
    writeString(writer, Buffer.concat([UNCOMPRESSED, bytesOf(jwk.x), bytesOf(jwk.y)]))
  }
  return writer.finish()
}

/** Throws a WireError for what is no key, and an Error for one that cannot be used. */
export function decodePublicKey(blob: Buffer): KeyObject {
  const { type, fields } = splitKey(blob)
  const reader = new ByteReader(fields, 'SSH public key')
  const jwk = readJwk(type, reader)
  reader.end()
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  if ((key.asymmetricKeyDetails?.modulusLength ?? MIN_RSA_BITS) < MIN_RSA_BITS)
    throw new WireError(`SSH public key: RSA with fewer than ${MIN_RSA_BITS} bits`)
  return key
}

function readJwk(type: string, reader: ByteReader): JsonWebKey {
  const next = (): Buffer => reader.bytes(reader.uint32())
  if (type === 'ssh-ed25519') {
    const point = next()
    if (hasSmallOrder(point)) throw new WireError('SSH public key: its point has a small order')
    return { kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') }
  }
  if (type === 'ssh-rsa') {
    const [e, n] = [unsigned(next()), unsigned(next())]
    return { kty: 'RSA', e: e.toString('base64url'), n: n.toString('base64url') }
  }
  const curve = curves.find(({ name }) => type === `ecdsa-sha2-${name}`)
  if (curve === undefined) throw new WireError(`SSH public key: ${JSON.stringify(type)} is not supported`)
  const { name, size, jwkName } = curve
  const [named, point] = [next().toString('latin1'), next()]
  if (named !== name || point[0] !== UNCOMPRESSED[0] || point.length !== 1 + 2 * size)
    throw new WireError(`SSH public key: not a point of ${name}`)
  const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)]
  return { kty: 'EC', crv: jwkName, x: x.toString('base64url'), y: y.toString('base64url') }
}

/** A signature with its algorithm in front (RFC 4253, section 6.6). */
export function signWith(privateKey: KeyObject, bytes: Buffer): Buffer {
  const { algorithm, hash } = algorithmOf(privateKey)
  const raw = sign(hash, bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  const writer = new ByteWriter()
  writeString(writer, algorithm)
  writeString(writer, algorithm.startsWith('ecdsa-') ? ecdsaBlob(raw) : raw)
  return writer.finish()
}

/** Whether a signature over these bytes is one of this key. False, too, for a malformed one and for one with SHA-1. */
export function isSignedBy(publicKey: KeyObject, bytes: Buffer, signature: Buffer): boolean {
  try {
    const reader = new ByteReader(signature, 'SSH signature')
    const named = reader.bytes(reader.uint32()).toString('latin1')
    const blob = reader.bytes(reader.uint32())
    reader.end()
    const { algorithm, hash, size } = algorithmOf(publicKey, named)
    if (named !== algorithm) return false
    const raw = size === undefined ? blob : rawEcdsa(blob, size)
    return verify(hash, bytes, { key: publicKey, dsaEncoding: 'ieee-p1363' }, raw)
  } catch {
    return false
  }
}

interface Algorithm {
  readonly algorithm: string
  /** Undefined for Ed25519, which hashes by itself. */
  readonly hash: string | undefined
  /** Bytes of each number of a signature of ECDSA. */
  readonly size?: number
}

/** What a key signs with; one of RSA has two algorithms, of which SHA-512 is used for signing. */
function algorithmOf(key: KeyObject, named?: string): Algorithm {
  if (key.asymmetricKeyType === 'ed25519') return { algorithm: 'ssh-ed25519', hash: undefined }
  if (key.asymmetricKeyType === 'rsa') {
    if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS)
      throw new Error(`expected a key of RSA with at least ${MIN_RSA_BITS} bits`)
    return named === 'rsa-sha2-256'
      ? { algorithm: named, hash: 'sha256' }
      : { algorithm: 'rsa-sha2-512', hash: 'sha512' }
  }
  const curve = curves.find(({ nodeName }) => key.asymmetricKeyDetails?.namedCurve === nodeName)
  if (curve === undefined) throw new Error('expected a key of type ed25519, rsa or ecdsa')
  return { algorithm: `ecdsa-sha2-${curve.name}`, hash: curve.hash, size: curve.size }
}

/** `mpint r, mpint s` (RFC 5656, section 3.1.2), of both numbers side by side. */
function ecdsaBlob(raw: Buffer): Buffer {
  const half = raw.length / 2
  const writer = new ByteWriter()
  for (const number of [raw.subarray(0, half), raw.subarray(half)]) writeString(writer, mpint(number))
  return writer.finish()
}

function rawEcdsa(blob: Buffer, size: number): Buffer {
  const reader = new ByteReader(blob, 'SSH signature')
  const numbers = Array.from({ length: 2 }, () => unsigned(reader.bytes(reader.uint32())))
  reader.end()
  return Buffer.concat(
    numbers.map((number) => {
      if (number.length > size) throw new WireError('SSH signature: a number is too large')
      return Buffer.concat([Buffer.alloc(size - number.length), number])
    }),
  )
}

/** A positive number in the fewest bytes, with a zero before a first byte of 0x80 and above (RFC 4251, section 5). */
function mpint(number: Buffer): Buffer {
  const first = number.findIndex((byte) => byte !== 0)
  const significant = first < 0 ? Buffer.alloc(0) : number.subarray(first)
  return (significant[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), significant]) : significant
}

function unsigned(number: Buffer): Buffer {
  if ((number[0] ?? 0) >= 0x80) throw new WireError('SSH public key: a number is negative')
  return number[0] === 0 ? number.subarray(1) : number
}

const createPublicKeyOf = (key: KeyObject): KeyObject => (key.type === 'private' ? createPublicKey(key) : key)

const bytesOf = (encoded: string | undefined): Buffer => Buffer.from(encoded ?? '', 'base64url')

const curves = [
  { name: 'nistp256', nodeName: 'prime256v1', jwkName: 'P-256', size: 32, hash: 'sha256' },
  { name: 'nistp384', nodeName: 'secp384r1', jwkName: 'P-384', size: 48, hash: 'sha384' },
  { name: 'nistp521', nodeName: 'secp521r1', jwkName: 'P-521', size: 66, hash: 'sha512' },
] as const
/** The first byte of a point that is not compressed (SEC 1, section 2.3.3). */
const UNCOMPRESSED = Buffer.from([4])
const MIN_RSA_BITS = 2048
