import { ASSERTION, METADATA, PROTOCOL, SIGNATURE } from '../../identity/saml/shape.ts'
import { bareCertificate } from './sign-xml.ts'

/** What a response and its assertion say. Texts are as they are meant: they are escaped here. Times are in milliseconds. */
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
  /** When the person entered their credentials; default: five seconds ago. */
  readonly authnInstant?: number
  /** Default: `s1`. */
  readonly sessionIndex?: string
  /** Default: in an hour. */
  readonly sessionNotOnOrAfter?: number
}

/** An assertion (SAML Core, section 2.3.3) as the Web Browser SSO Profile has it (SAML Profiles, section 4.1.4.2), good for a minute. */
export function assertionXml(parts: ResponseParts): string {
  const { now, issuer, audience, recipient, inResponseTo, nameId, nameIdFormat, attributes, assertionId } = parts
  const { authnInstant = now - 5000, sessionIndex = 's1', sessionNotOnOrAfter = now + 3_600_000 } = parts
  const list = Object.entries(attributes)
    .map(
      ([name, values]) =>
        `<saml:Attribute Name="${escapeXml(name)}">${values.map((value) => `<saml:AttributeValue>${escapeXml(value)}</saml:AttributeValue>`).join('')}</saml:Attribute>`,
    )
    .join('')
  return (
    `<saml:Assertion xmlns:saml="${ASSERTION}" ID="${escapeXml(assertionId)}" Version="2.0" IssueInstant="${iso(now)}"><saml:Issuer>${escapeXml(issuer)}</saml:Issuer>` +
    `<saml:Subject><saml:NameID Format="${escapeXml(nameIdFormat)}">${escapeXml(nameId)}</saml:NameID>` +
    `<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData Recipient="${escapeXml(recipient)}" NotOnOrAfter="${iso(now + LIFE_MS)}"${answerTo(inResponseTo)}/></saml:SubjectConfirmation></saml:Subject>` +
    `<saml:Conditions NotBefore="${iso(now - 1000)}" NotOnOrAfter="${iso(now + LIFE_MS)}"><saml:AudienceRestriction><saml:Audience>${escapeXml(audience)}</saml:Audience></saml:AudienceRestriction></saml:Conditions>` +
    `<saml:AuthnStatement AuthnInstant="${iso(authnInstant)}" SessionIndex="${escapeXml(sessionIndex)}" SessionNotOnOrAfter="${iso(sessionNotOnOrAfter)}"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>` +
    `<saml:AttributeStatement>${list}</saml:AttributeStatement></saml:Assertion>`
  )
}

/** A successful response (SAML Core, section 3.3.3) around an assertion, which is XML. */
export function responseXml(parts: ResponseParts, assertion: string): string {
  const { responseId, now, destination, inResponseTo, issuer } = parts
  return `<samlp:Response xmlns:samlp="${PROTOCOL}" xmlns:saml="${ASSERTION}" ID="${escapeXml(responseId)}" Version="2.0" IssueInstant="${iso(now)}" Destination="${escapeXml(destination)}"${answerTo(inResponseTo)}><saml:Issuer>${escapeXml(issuer)}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>${assertion}</samlp:Response>`
}

export interface LogoutParts {
  readonly id: string
  readonly issuer: string
  readonly destination: string
  /** Milliseconds. */
  readonly now: number
  readonly nameId: string
  /** The session that ends; undefined: all of the person. */
  readonly sessionIndex: string | undefined
}

/** A logout request (SAML Core, section 3.7.1) about a persistent NameID. */
export function logoutRequestXml({ id, issuer, destination, now, nameId, sessionIndex }: LogoutParts): string {
  const index = sessionIndex === undefined ? '' : `<samlp:SessionIndex>${escapeXml(sessionIndex)}</samlp:SessionIndex>`
  return `<samlp:LogoutRequest xmlns:samlp="${PROTOCOL}" xmlns:saml="${ASSERTION}" ID="${escapeXml(id)}" Version="2.0" IssueInstant="${iso(now)}" Destination="${escapeXml(destination)}"><saml:Issuer>${escapeXml(issuer)}</saml:Issuer><saml:NameID Format="${PERSISTENT}">${escapeXml(nameId)}</saml:NameID>${index}</samlp:LogoutRequest>`
}

export interface MetadataParts {
  readonly entityId: string
  /** PEM. */
  readonly certificates: readonly string[]
  /** Where requests go, by HTTP-Redirect. */
  readonly signOn: string
  /** Where answers to logout requests go, by HTTP-Redirect. */
  readonly logout: string
  /** Milliseconds; undefined: it does not say. */
  readonly validUntil?: number | undefined
  /** XML that comes first in it. */
  readonly more?: string
}

/** Metadata of a provider (SAML Metadata, section 2.4.3). */
export function metadataXml({ entityId, certificates, signOn, logout, validUntil, more = '' }: MetadataParts): string {
  const keys = certificates
    .map(
      (certificate) =>
        `<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>${bareCertificate(certificate)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`,
    )
    .join('')
  const until = validUntil === undefined ? '' : ` validUntil="${iso(validUntil)}"`
  return `<md:EntityDescriptor xmlns:md="${METADATA}" xmlns:ds="${SIGNATURE}" ID="_metadata" entityID="${escapeXml(entityId)}"${until}>${more}<md:IDPSSODescriptor protocolSupportEnumeration="${PROTOCOL}">${keys}<md:SingleLogoutService Binding="${REDIRECT}" Location="${escapeXml(logout)}"/><md:SingleSignOnService Binding="${REDIRECT}" Location="${escapeXml(signOn)}"/></md:IDPSSODescriptor></md:EntityDescriptor>`
}

/** Text for an element or an attribute (XML 1.0, sections 2.4 and 3.3.3). Throws on what XML cannot say. */
export function escapeXml(text: string): string {
  if (NOT_XML.test(text)) throw new Error('has characters that XML does not allow')
  return text.replace(/[&<>"'\t\r\n]/g, (char) => `&#${char.charCodeAt(0)};`)
}

export const iso = (time: number): string => new Date(time).toISOString()
export const base64 = (xml: string): string => Buffer.from(xml, 'utf8').toString('base64')

const answerTo = (request: string | undefined): string =>
  request === undefined ? '' : ` InResponseTo="${escapeXml(request)}"`

// oxlint-disable-next-line no-control-regex -- XML 1.0, section 2.2
const NOT_XML = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|\p{Surrogate}/u
/** SAML Core, section 8.3.7. */
export const PERSISTENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'
const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect'
/** Milliseconds that an assertion is good for. */
const LIFE_MS = 60_000
