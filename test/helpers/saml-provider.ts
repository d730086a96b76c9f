import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import xmlenc from 'xml-encryption'
import { metadataXml as madeMetadata } from '../../src/evaluation-idp/saml/messages.ts'
import { signXml as sign, type SignOptions as MadeOptions } from '../../src/evaluation-idp/saml/sign-xml.ts'
import { ROOT } from './run.ts'

export { assertionXml, base64, iso, responseXml, type ResponseParts } from '../../src/evaluation-idp/saml/messages.ts'

/** Keys of RSA with 2048 bits and their certificates: of a provider, its next one, somebody else, and the gateway. */
export type KeyName = 'idp' | 'idp-next' | 'other' | 'sp'
export const keyOf = (name: KeyName): string => readFileSync(join(ROOT, 'test/fixtures/saml', `${name}.key`), 'utf8')
export const certificateOf = (name: KeyName): string =>
  readFileSync(join(ROOT, 'test/fixtures/saml', `${name}.crt`), 'utf8')

export interface SignOptions extends Omit<MadeOptions, 'privateKey' | 'keyInfo'> {
  readonly key?: KeyName
  /** The certificate that is put into KeyInfo. */
  readonly keyInfo?: KeyName
}

/** Signs the element with this ID. */
export function signXml(xml: string, id: string, { key = 'idp', keyInfo, ...options }: SignOptions = {}): string {
  return sign(xml, id, {
    ...options,
    privateKey: keyOf(key),
    ...(keyInfo === undefined ? {} : { keyInfo: certificateOf(keyInfo) }),
  })
}

/** An assertion, encrypted for whoever has the key. */
export async function encryptedAssertion(
  assertion: string,
  key: KeyName,
  algorithm = 'http://www.w3.org/2009/xmlenc11#aes256-gcm',
  keyAlgorithm = 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p',
): Promise<string> {
  const encrypt = promisify(xmlenc.encrypt) as (content: string, options: object) => Promise<string>
  const data = await encrypt(assertion, {
    rsa_pub: certificateOf(key),
    pem: certificateOf(key),
    encryptionAlgorithm: algorithm,
    keyEncryptionAlgorithm: keyAlgorithm,
    warnInsecureAlgorithm: false,
  })
  return `<saml:EncryptedAssertion>${data}</saml:EncryptedAssertion>`
}

/** Metadata of a provider. */
export const metadataXml = (
  entityId: string,
  {
    keys = ['idp'],
    signOn = 'https://idp.example.com/sso',
    ...more
  }: { keys?: readonly KeyName[]; signOn?: string; validUntil?: number; more?: string } = {},
): string =>
  madeMetadata({
    entityId,
    certificates: keys.map(certificateOf),
    signOn,
    logout: 'https://idp.example.com/slo',
    ...more,
  })
