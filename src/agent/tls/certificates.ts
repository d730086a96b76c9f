import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from '../../shared/der.ts'

/** A certificate and its key, in PEM. */
export interface Certified {
  readonly certificate: string
  readonly key: string
}

/** A certificate authority, and what it signs. */
export interface Authority extends Certified {
  issue(subject: string, use: 'server' | 'client', names?: readonly SubjectName[]): Certified
}

export type SubjectName = { readonly dns: string } | { readonly address: Buffer }

/** Creates a certificate authority (RFC 5280) with keys on the curve P-256. All its certificates have the same validity. */
export function makeAuthority(name: string, validity: Validity): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const own = certificateOf(
    { subject: name, publicKey: keys.publicKey, extensions: CA_EXTENSIONS },
    name,
    keys,
    validity,
  )
  return {
    certificate: own,
    key: pemOfKey(keys.privateKey),
    issue(subject, use, names = []) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const extensions = [...leafExtensions(use), ...(names.length === 0 ? [] : [subjectNames(names)])]
      return {
        certificate: certificateOf({ subject, publicKey, extensions }, name, keys, validity),
        key: pemOfKey(privateKey),
      }
    },
  }
}

export interface Validity {
  readonly from: Date
  readonly to: Date
}

interface Certifiable {
  readonly subject: string
  readonly publicKey: KeyObject
  readonly extensions: readonly Buffer[]
}

/** An X.509 certificate, version 3 (RFC 5280, section 4.1), in PEM. */
function certificateOf(
  { subject, publicKey, extensions }: Certifiable,
  issuer: string,
  keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
  { from, to }: Validity,
): string {
  const toBeSigned = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    nameOf(issuer),
    sequence(time(from), time(to)),
    nameOf(subject),
    spkiOf(publicKey),
    explicit(
      3,
      sequence(
        ...extensions,
        extension('2.5.29.14', octetString(keyIdentifier(publicKey))),
        extension('2.5.29.35', sequence(implicit(0, keyIdentifier(keys.publicKey)))),
      ),
    ),
  )
  const signature = sign('sha256', toBeSigned, keys.privateKey)
  return pem('CERTIFICATE', sequence(toBeSigned, ECDSA_WITH_SHA256, bitString(signature)))
}

const nameOf = (commonName: string): Buffer =>
  sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8String(commonName))))

function extension(id: string, value: Buffer, isCritical = false): Buffer {
  return sequence(objectIdentifier(id), ...(isCritical ? [boolean(true)] : []), octetString(value))
}

const subjectNames = (names: readonly SubjectName[]): Buffer =>
  extension(
    '2.5.29.17',
    sequence(...names.map((name) => ('dns' in name ? implicit(2, Buffer.from(name.dns)) : implicit(7, name.address)))),
  )

const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' })
const keyIdentifier = (key: KeyObject): Buffer => createHash('sha1').update(spkiOf(key)).digest()
const pemOfKey = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }) as string

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
const BASIC_CONSTRAINTS = '2.5.29.19'
const KEY_USAGE = '2.5.29.15'
/** An authority that signs end-entity certificates, but no other authority. */
const CA_EXTENSIONS = [
  extension(BASIC_CONSTRAINTS, sequence(boolean(true), integer(Buffer.from([0]))), true),
  extension(KEY_USAGE, bitString(Buffer.from([0b0000_0100]), 2), true),
]
const leafExtensions = (use: 'server' | 'client'): Buffer[] => [
  extension(BASIC_CONSTRAINTS, sequence(), true),
  extension(KEY_USAGE, bitString(Buffer.from([0b1000_0000]), 7), true),
  extension('2.5.29.37', sequence(objectIdentifier(`1.3.6.1.5.5.7.3.${use === 'server' ? 1 : 2}`))),
]
