import { createHash } from 'node:crypto'

/**
 * What binds a login to the TLS connection that it runs in: a digest of the server's certificate with the digest that its
 * signature was made with (RFC 5929, section 4.1). Undefined where that names none, or is not read: then nothing is bound.
 */
export function serverEndPoint(certificate: Buffer): Buffer | undefined {
  const digest = DIGESTS[signatureAlgorithm(certificate)?.toString('hex') ?? '']
  return digest === undefined ? undefined : createHash(digest).update(certificate).digest()
}

/** The bytes of the object identifier in `Certificate ::= SEQUENCE { tbsCertificate, SEQUENCE { algorithm … }, … }`. Spec: RFC 5280, 4.1. */
function signatureAlgorithm(certificate: Buffer): Buffer | undefined {
  const whole = element(certificate, SEQUENCE)
  const signed = whole && element(whole.content, SEQUENCE)
  const algorithm = signed && element(signed.rest, SEQUENCE)
  return algorithm && element(algorithm.content, OBJECT_IDENTIFIER)?.content
}

/** The first element of DER, where it has that tag: what is in it, and what follows it. */
function element(bytes: Buffer, tag: number): { content: Buffer; rest: Buffer } | undefined {
  const first = bytes[1]
  if (bytes[0] !== tag || first === undefined) return undefined
  const more = first < 0x80 ? 0 : first - 0x80
  if (more > 4 || bytes.length < 2 + more) return undefined
  const length = more === 0 ? first : bytes.readUIntBE(2, more)
  const end = 2 + more + length
  if (first === 0x80 || end > bytes.length) return undefined
  return { content: bytes.subarray(2 + more, end), rest: bytes.subarray(end) }
}

const SEQUENCE = 0x30
const OBJECT_IDENTIFIER = 0x06
/** By the identifier of the signature; MD5 and SHA-1 are replaced by SHA-256, as the RFC wants. */
const DIGESTS: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'sha256', // md5WithRSAEncryption
  '2a864886f70d010105': 'sha256', // sha1WithRSAEncryption
  '2a864886f70d01010b': 'sha256', // sha256WithRSAEncryption
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a864886f70d01010e': 'sha224',
  '2a8648ce3d0401': 'sha256', // ecdsa-with-SHA1
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
}
