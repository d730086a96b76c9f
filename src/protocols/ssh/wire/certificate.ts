import { ByteReader, decodeUtf8 } from '../../../wire/byte-reader.ts'
import { ByteWriter } from '../../../wire/byte-writer.ts'
import { WireError } from '../../../wire/wire-error.ts'

/**
 * Certificates of OpenSSH (its PROTOCOL.certkeys): a public key, whom and how long it is good for, and the signature of an
 * authority over all of that. This file reads and writes; it verifies nothing.
 */
export interface SshCertificate {
  readonly nonce: Buffer
  /** The key that is certified, as its own type encodes it (RFC 4253, section 6.6). */
  readonly publicKey: Buffer
  readonly serial: bigint
  readonly kind: 'user' | 'host'
  /** What logs show; UTF-8. */
  readonly keyId: string
  /** User names, or host names. Empty: any, which nobody here issues or accepts. */
  readonly principals: readonly string[]
  /** Seconds since 1970; the end is exclusive. */
  readonly validAfter: bigint
  readonly validBefore: bigint
  /** Whoever does not know one of these must refuse the certificate. Sorted by name. */
  readonly criticalOptions: readonly CertificateOption[]
  /** What is not known here is ignored. Sorted by name. */
  readonly extensions: readonly CertificateOption[]
  /** The authority's public key, never a certificate itself. */
  readonly signatureKey: Buffer
}

export interface CertificateOption {
  readonly name: string
  /** Without its own length; undefined where there is none, as of a flag. */
  readonly value?: string
}

/** What the authority signs, and the signature over it (RFC 4253, section 6.6). */
export interface SignedCertificate {
  readonly certificate: SshCertificate
  readonly signed: Buffer
  readonly signature: Buffer
}

/** The certificate without its signature: what the authority signs. */
export function encodeCertificate(certificate: SshCertificate): Buffer {
  const { type, fields } = splitKey(certificate.publicKey)
  const certificateType = certificateTypeOf(type)
  if (certificateType === undefined) throw new WireError(`keys of type ${type} have no certificates`)
  const writer = new ByteWriter()
  writeString(writer, certificateType)
  writeString(writer, certificate.nonce)
  writer.bytes(fields)
  writer.uint64(certificate.serial)
  writer.uint32(KINDS.indexOf(certificate.kind) + 1)
  writeString(writer, certificate.keyId)
  writeString(writer, packed(certificate.principals))
  writer.uint64(certificate.validAfter)
  writer.uint64(certificate.validBefore)
  writeString(writer, encodeOptions(certificate.criticalOptions))
  writeString(writer, encodeOptions(certificate.extensions))
  writeString(writer, '')
  writeString(writer, certificate.signatureKey)
  return writer.finish()
}

/** A certificate as it is sent, of what `encodeCertificate` wrote and the signature over it. */
export function withSignature(signed: Buffer, signature: Buffer): Buffer {
  const writer = new ByteWriter()
  writer.bytes(signed)
  writeString(writer, signature)
  return writer.finish()
}

/** Throws a WireError for whatever is not a certificate, in full, with nothing behind it. */
export function decodeCertificate(bytes: Buffer): SignedCertificate {
  if (bytes.length > MAX_CERTIFICATE_BYTES) throw new WireError(`${WHAT}: longer than ${MAX_CERTIFICATE_BYTES} bytes`)
  const reader = new ByteReader(bytes, WHAT)
  const certificateType = readText(reader)
  const type = keyTypeOf(certificateType)
  if (type === undefined) throw new WireError(`${WHAT}: ${JSON.stringify(certificateType)} is not a supported type`)
  const nonce = readString(reader)
  const publicKey = joinKey(
    type,
    Array.from({ length: FIELDS[type] }, () => readString(reader)),
  )
  const serial = reader.uint64()
  const kind = KINDS[reader.uint32() - 1]
  if (kind === undefined) throw new WireError(`${WHAT}: neither of a user nor of a host`)
  const keyId = readText(reader)
  const principals = unpacked(readString(reader))
  const validAfter = reader.uint64()
  const validBefore = reader.uint64()
  const criticalOptions = decodeOptions(readString(reader))
  const extensions = decodeOptions(readString(reader))
  readString(reader) // reserved: to be ignored
  const signatureKey = readString(reader)
  if (keyTypeOf(splitKey(signatureKey).type) !== undefined)
    throw new WireError(`${WHAT}: signed with a certificate, which OpenSSH does not allow`)
  const signed = bytes.subarray(0, bytes.length - reader.left)
  const signature = readString(reader)
  reader.end()
  const certificate: SshCertificate = {
    nonce,
    publicKey,
    serial,
    kind,
    keyId,
    principals,
    validAfter,
    validBefore,
    criticalOptions,
    extensions,
    signatureKey,
  }
  return { certificate, signed, signature }
}

/** The type of an encoded public key, and its fields as they are encoded. */
export function splitKey(blob: Buffer): { readonly type: string; readonly fields: Buffer } {
  const reader = new ByteReader(blob, 'SSH public key')
  const type = readText(reader)
  return { type, fields: reader.rest() }
}

/** The type of certificates for keys of a type; undefined where it has none that are supported. */
const certificateTypeOf = (type: string): string | undefined => (isKeyType(type) ? `${type}${SUFFIX}` : undefined)

/** The type of the key in certificates of a type; undefined where it is not one that is supported. */
export function keyTypeOf(certificateType: string): KeyType | undefined {
  if (!certificateType.endsWith(SUFFIX)) return undefined
  const type = certificateType.slice(0, -SUFFIX.length)
  return isKeyType(type) ? type : undefined
}

/** How many strings a key has behind its type; numbers of RSA are encoded as strings are. */
const FIELDS = {
  'ssh-ed25519': 1,
  'ssh-rsa': 2,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
} as const
type KeyType = keyof typeof FIELDS
const isKeyType = (type: string): type is KeyType => Object.hasOwn(FIELDS, type)

function joinKey(type: KeyType, fields: readonly Buffer[]): Buffer {
  const writer = new ByteWriter()
  writeString(writer, type)
  for (const field of fields) writeString(writer, field)
  return writer.finish()
}

function encodeOptions(options: readonly CertificateOption[]): Buffer {
  const writer = new ByteWriter()
  for (const { name, value } of options.toSorted((a, b) => byteOrder(a.name, b.name))) {
    writeString(writer, name)
    writeString(writer, value === undefined ? '' : packed([value]))
  }
  return writer.finish()
}

/** Each name once, in the order of their bytes, as the format wants it: nothing is left to who reads it. */
function decodeOptions(bytes: Buffer): CertificateOption[] {
  const reader = new ByteReader(bytes, WHAT)
  const options: CertificateOption[] = []
  while (reader.left > 0) {
    const name = readText(reader)
    const data = new ByteReader(readString(reader), WHAT)
    const before = options.at(-1)
    if (before !== undefined && byteOrder(before.name, name) >= 0)
      throw new WireError(`${WHAT}: options out of order, or twice`)
    options.push(data.left === 0 ? { name } : { name, value: readText(data) })
    data.end()
  }
  return options
}

const byteOrder = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** Strings, each with its length, one behind the other. */
function packed(values: readonly string[]): Buffer {
  const writer = new ByteWriter()
  for (const value of values) writeString(writer, value)
  return writer.finish()
}

function unpacked(bytes: Buffer): string[] {
  const reader = new ByteReader(bytes, WHAT)
  const values: string[] = []
  while (reader.left > 0) {
    if (values.length === MAX_PRINCIPALS) throw new WireError(`${WHAT}: more than ${MAX_PRINCIPALS} principals`)
    values.push(readText(reader))
  }
  return values
}

const readString = (reader: ByteReader): Buffer => reader.bytes(reader.uint32())
const readText = (reader: ByteReader): string => decodeUtf8(readString(reader), WHAT)

/** A string of RFC 4251, section 5. */
export function writeString(writer: ByteWriter, value: string | Buffer): void {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  writer.uint32(bytes.length)
  writer.bytes(bytes)
}

/** SSH2_CERT_TYPE_USER is 1, SSH2_CERT_TYPE_HOST is 2. */
const KINDS = ['user', 'host'] as const
const SUFFIX = '-cert-v01@openssh.com'
const WHAT = 'SSH certificate'
/** Of OpenSSH (SSHKEY_CERT_MAX_PRINCIPALS). */
const MAX_PRINCIPALS = 256
/** More than 256 names of 255 bytes, options and two keys of RSA take. */
export const MAX_CERTIFICATE_BYTES = 96 * 1024
