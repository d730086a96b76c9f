import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { SignedXml } from 'xml-crypto'
import xmlenc from 'xml-encryption'
import { ROOT } from './run.ts'

/** Keys of RSA with 2048 bits and their certificates: of a provider, its next one, somebody else, and the gateway. */
export type KeyName = 'idp' | 'idp-next' | 'other' | 'sp'
export const keyOf = (name: KeyName): string => readFileSync(join(ROOT, 'test/fixtures/saml', `${name}.key`), 'utf8')
export const certificateOf = (name: KeyName): string =>
  readFileSync(join(ROOT, 'test/fixtures/saml', `${name}.crt`), 'utf8')

/** What a response and its assertion say; all of it can be changed. */
export interface ResponseParts {
  readonly issuer: string
  readonly destination: string
  readonly recipient: string
  readonly audience: string
  readonly inResponseTo: string | undefined
  readonly now: number
  readonly nameId: string
  readonly nameIdFormat: string
  readonly attributes: Readonly<Record<string, readonly string[]>>
  readonly responseId: string
  readonly assertionId: string
}

const P = 'urn:oasis:names:tc:SAML:2.0:protocol'
const A = 'urn:oasis:names:tc:SAML:2.0:assertion'
export const iso = (time: number): string => new Date(time).toISOString()

export function assertionXml(parts: ResponseParts): string {
  const { now, issuer, audience, recipient, inResponseTo, nameId, nameIdFormat, attributes, assertionId } = parts
  const answer = inResponseTo === undefined ? '' : ` InResponseTo="${inResponseTo}"`
  const list = Object.entries(attributes)
    .map(
      ([name, values]) =>
        `<saml:Attribute Name="${name}">${values.map((value) => `<saml:AttributeValue>${value}</saml:AttributeValue>`).join('')}</saml:Attribute>`,
    )
    .join('')
  return (
    `<saml:Assertion xmlns:saml="${A}" ID="${assertionId}" Version="2.0" IssueInstant="${iso(now)}"><saml:Issuer>${issuer}</saml:Issuer>` +
    `<saml:Subject><saml:NameID Format="${nameIdFormat}">${nameId}</saml:NameID>` +
    `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData Recipient="${recipient}" NotOnOrAfter="${iso(now + 60_000)}"${answer}/></saml:SubjectConfirmation></saml:Subject>` +
    `<saml:Conditions NotBefore="${iso(now - 1000)}" NotOnOrAfter="${iso(now + 60_000)}"><saml:AudienceRestriction><saml:Audience>${audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
    `<saml:AuthnStatement AuthnInstant="${iso(now - 5000)}" SessionIndex="s1" SessionNotOnOrAfter="${iso(now + 3_600_000)}"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>` +
    `<saml:AttributeStatement>${list}</saml:AttributeStatement></saml:Assertion>`
  )
}

export function responseXml(parts: ResponseParts, assertion: string): string {
  const { responseId, now, destination, inResponseTo, issuer } = parts
  const answer = inResponseTo === undefined ? '' : ` InResponseTo="${inResponseTo}"`
  return `<samlp:Response xmlns:samlp="${P}" xmlns:saml="${A}" ID="${responseId}" Version="2.0" IssueInstant="${iso(now)}" Destination="${destination}"${answer}><saml:Issuer>${issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>${assertion}</samlp:Response>`
}

export interface SignOptions {
  readonly key?: KeyName
  readonly signature?: string
  readonly digest?: string
  readonly c14n?: string
  readonly transforms?: readonly string[]
  /** The certificate that is put into KeyInfo. */
  readonly keyInfo?: KeyName
}

const EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#'
const ENVELOPED = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature'

/** Signs the element with this ID, the signature after its Issuer (or first in it, where it has none). */
export function signXml(xml: string, id: string, options: SignOptions = {}): string {
  const { key = 'idp', keyInfo } = options
  const signed = new SignedXml({
    privateKey: keyOf(key),
    signatureAlgorithm: options.signature ?? 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    canonicalizationAlgorithm: options.c14n ?? EXCLUSIVE,
    ...(keyInfo === undefined
      ? { getKeyInfoContent: () => '' }
      : {
          getKeyInfoContent: () =>
            `<X509Data><X509Certificate>${certificateOf(keyInfo).replaceAll(/-----[^-]+-----|\n/g, '')}</X509Certificate></X509Data>`,
        }),
  })
  const xpath = `//*[@ID="${id}"]`
  signed.addReference({
    xpath,
    transforms: [...(options.transforms ?? [ENVELOPED, EXCLUSIVE])],
    digestAlgorithm: options.digest ?? 'http://www.w3.org/2001/04/xmlenc#sha256',
  })
  const hasIssuer = new RegExp(`ID="${id}"[^>]*><saml:Issuer`).test(xml)
  signed.computeSignature(xml, {
    prefix: 'ds',
    location: hasIssuer
      ? { reference: `${xpath}/*[local-name()='Issuer']`, action: 'after' }
      : { reference: xpath, action: 'prepend' },
  })
  return signed.getSignedXml()
}

export const base64 = (xml: string): string => Buffer.from(xml, 'utf8').toString('base64')

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
export function metadataXml(
  entityId: string,
  {
    keys = ['idp'],
    signOn = 'https://idp.example.com/sso',
    validUntil,
    more = '',
  }: { keys?: readonly KeyName[]; signOn?: string; validUntil?: number; more?: string } = {},
): string {
  const descriptors = keys
    .map(
      (key) =>
        `<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>${certificateOf(key).replaceAll(/-----[^-]+-----|\n/g, '')}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`,
    )
    .join('')
  const until = validUntil === undefined ? '' : ` validUntil="${iso(validUntil)}"`
  return `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#" ID="_metadata" entityID="${entityId}"${until}>${more}<md:IDPSSODescriptor protocolSupportEnumeration="${P}">${descriptors}<md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example.com/slo"/><md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="${signOn}"/></md:IDPSSODescriptor></md:EntityDescriptor>`
}
