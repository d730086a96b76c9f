import { createHash } from 'node:crypto'

/**
 * The channel binding data `tls-server-end-point`, which tie a login to its TLS connection: a digest of the server's certificate with the
 * hash function of its signature (RFC 5929, section 4.1). Undefined if the signature uses no hash function, as Ed25519, or several.
 */
export function serverEndPoint(certificate: Buffer): Buffer | undefined {
  const hash = hashOf(signatureAlgorithm(certificate))
  return hash === undefined ? undefined : createHash(hash).update(certificate).digest()
}

interface Algorithm {
  /** The bytes of its object identifier, in hexadecimal. */
  readonly id: string
  readonly parameters: Buffer
}

/** The AlgorithmIdentifier in `Certificate ::= SEQUENCE { tbsCertificate, AlgorithmIdentifier, … }`. Spec: RFC 5280, 4.1. */
function signatureAlgorithm(certificate: Buffer): Algorithm | undefined {
  const whole = element(certificate, SEQUENCE)
  const signed = whole && element(whole.content, SEQUENCE)
  return signed && algorithmIn(signed.rest)
}

/** AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }. */
function algorithmIn(bytes: Buffer): Algorithm | undefined {
  const algorithm = element(bytes, SEQUENCE)
  const id = algorithm && element(algorithm.content, OBJECT_IDENTIFIER)
  return id && { id: id.content.toString('hex'), parameters: id.rest }
}

function hashOf(algorithm: Algorithm | undefined): string | undefined {
  if (algorithm === undefined) return undefined
  return algorithm.id === RSASSA_PSS ? hashOfPss(algorithm.parameters) : SIGNATURES[algorithm.id]
}

/** RSASSA-PSS-params: the hash [0] and the mask generation function [1]; SHA-1 is the default in both. Spec: RFC 4055, 3.1. */
function hashOfPss(parameters: Buffer): string | undefined {
  const all = element(parameters, SEQUENCE)
  if (all === undefined) return undefined
  const first = element(all.content, FIRST)
  const second = element(first?.rest ?? all.content, SECOND)
  const hash = first === undefined ? SHA1 : algorithmIn(first.content)?.id
  const mask = second && algorithmIn(second.content)
  if (mask !== undefined && mask.id !== MGF1) return undefined
  const maskHash = second === undefined ? SHA1 : mask && algorithmIn(mask.parameters)?.id
  return hash === undefined || hash !== maskHash ? undefined : HASHES[hash]
}

/** The content of the first DER element, and the bytes after it; undefined if the element has another tag. */
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
const FIRST = 0xa0
const SECOND = 0xa1
const RSASSA_PSS = '2a864886f70d01010a'
const MGF1 = '2a864886f70d010108'
const SHA1 = '2b0e03021a'
/** By the identifier of the hash function; here and below MD5 and SHA-1 are replaced by SHA-256, as RFC 5929 requires. */
const HASHES: Readonly<Record<string, string>> = {
  '2a864886f70d0205': 'sha256', // MD5
  [SHA1]: 'sha256',
  '608648016503040204': 'sha224',
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
  '608648016503040205': 'sha512-224',
  '608648016503040206': 'sha512-256',
  '608648016503040207': 'sha3-224',
  '608648016503040208': 'sha3-256',
  '608648016503040209': 'sha3-384',
  '60864801650304020a': 'sha3-512',
}
/** By the identifier of the signature. */
const SIGNATURES: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'sha256', // md5WithRSAEncryption
  '2a864886f70d010105': 'sha256', // sha1WithRSAEncryption
  '2b0e03021d': 'sha256', // the same, by its old identifier
  '2a864886f70d01010b': 'sha256', // sha256WithRSAEncryption
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a864886f70d01010e': 'sha224',
  '2a864886f70d01010f': 'sha512-224',
  '2a864886f70d010110': 'sha512-256',
  '60864801650304030d': 'sha3-224', // RSA with SHA-3
  '60864801650304030e': 'sha3-256',
  '60864801650304030f': 'sha3-384',
  '608648016503040310': 'sha3-512',
  '2a8648ce3d0401': 'sha256', // ecdsa-with-SHA1
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  '608648016503040309': 'sha3-224', // ECDSA with SHA-3
  '60864801650304030a': 'sha3-256',
  '60864801650304030b': 'sha3-384',
  '60864801650304030c': 'sha3-512',
  '2a8648ce380403': 'sha256', // dsa-with-sha1
  '608648016503040301': 'sha224', // DSA
  '608648016503040302': 'sha256',
  '608648016503040303': 'sha384',
  '608648016503040304': 'sha512',
  '608648016503040305': 'sha3-224', // DSA with SHA-3
  '608648016503040306': 'sha3-256',
  '608648016503040307': 'sha3-384',
  '608648016503040308': 'sha3-512',
}
