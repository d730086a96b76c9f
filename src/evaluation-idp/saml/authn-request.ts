import { inflateRawSync } from 'node:zlib'
import { ASSERTION, attribute, is, one, only, optional, PROTOCOL, textOf, timeOf } from '../../identity/saml/shape.ts'
import { readXml, XmlError, type XmlElement } from '../../identity/saml/xml.ts'
import { PERSISTENT } from './messages.ts'

/** The one service provider that is answered. */
export interface ServiceProvider {
  readonly entityId: string
  readonly assertionConsumerUrl: string
  /** Where our logout requests go, by HTTP-POST. */
  readonly logoutUrl: string
}

export interface AuthnRequest {
  readonly id: string
  /** The person is to enter their credentials again. */
  readonly forceAuthn: boolean
}

/**
 * Reads an AuthnRequest (SAML Core, section 3.4.1) as HTTP-Redirect encodes it (SAML Bindings, section 3.4.4.1). It is not signed: what it may ask for
 * is decided by the configuration alone, so that it can name no other service and no other address. Closed: what is not listed here is
 * refused. `now` is in milliseconds. Throws XmlError.
 */
export function readAuthnRequest(
  encoded: string,
  { service, signOn, now }: { readonly service: ServiceProvider; readonly signOn: string; readonly now: number },
): AuthnRequest {
  const root = readXml(inflated(encoded), { maxLength: MAX_REQUEST_LENGTH, maxElements: 16 })
  if (!is(root, [PROTOCOL, 'AuthnRequest'])) throw new XmlError('is not an AuthnRequest')
  only(
    root,
    [
      [ASSERTION, 'Issuer'],
      [PROTOCOL, 'NameIDPolicy'],
    ],
    [
      'ID',
      'Version',
      'IssueInstant',
      'Destination',
      'ProtocolBinding',
      'AssertionConsumerServiceURL',
      'ForceAuthn',
      'IsPassive',
    ],
  )
  const id = attribute(root, 'ID')
  if (!/^[A-Za-z_][\w.-]{3,255}$/.test(id)) throw new XmlError('has an invalid ID')
  if (attribute(root, 'Version') !== '2.0') throw new XmlError('is not of SAML 2.0')
  const issued = timeOf(root, 'IssueInstant')
  if (issued === undefined || issued > now + CLOCK_TOLERANCE_MS)
    throw new XmlError('was issued in the future, or has no valid time')
  if (issued < now - MAX_AGE_MS) throw new XmlError('was issued too long ago: begin again')
  needAddresses(root, service, signOn)
  if (flag(root, 'IsPassive')) throw new XmlError('asks for a passive sign-in (IsPassive), which is not supported')
  return { id, forceAuthn: flag(root, 'ForceAuthn') }
}

function needAddresses(root: XmlElement, service: ServiceProvider, signOn: string): void {
  const issuer = one(root, [ASSERTION, 'Issuer'])
  only(issuer, [], [])
  if (textOf(issuer) !== service.entityId) throw new XmlError('is from a service that is not configured here')
  if ((root.attributes.get('Destination') ?? signOn) !== signOn) throw new XmlError('is for another destination')
  const { assertionConsumerUrl } = service
  if ((root.attributes.get('AssertionConsumerServiceURL') ?? assertionConsumerUrl) !== assertionConsumerUrl)
    throw new XmlError('asks for an answer at an address that is not configured here')
  if ((root.attributes.get('ProtocolBinding') ?? POST) !== POST)
    throw new XmlError('asks for an answer by another binding than HTTP-POST')
  const policy = optional(root, [PROTOCOL, 'NameIDPolicy'])
  if (policy === undefined) return
  only(policy, [], ['Format', 'AllowCreate'])
  if (![PERSISTENT, UNSPECIFIED].includes(policy.attributes.get('Format') ?? UNSPECIFIED))
    throw new XmlError('asks for a NameID that is not persistent')
}

/** Base64 of raw DEFLATE, which may be of a thousand times its length. */
function inflated(encoded: string): string {
  if (encoded.length > MAX_ENCODED_LENGTH) throw new XmlError('is too long')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) throw new XmlError('is not base64')
  let bytes: Buffer
  try {
    bytes = inflateRawSync(Buffer.from(encoded, 'base64'), { maxOutputLength: MAX_REQUEST_LENGTH })
  } catch {
    throw new XmlError('is not compressed with DEFLATE, or is too long')
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new XmlError('is not UTF-8')
  }
}

/** An xs:boolean; false where it is not there. */
function flag(element: XmlElement, name: string): boolean {
  const value = element.attributes.get(name) ?? 'false'
  if (!/^(?:true|false|0|1)$/.test(value)) throw new XmlError(`has a ${name} that is neither true nor false`)
  return value === 'true' || value === '1'
}

const POST = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST'
const UNSPECIFIED = 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified'
/** Characters, and bytes of what is inflated: a request has about one thousand. */
const MAX_ENCODED_LENGTH = 8192
const MAX_REQUEST_LENGTH = 16_384
const CLOCK_TOLERANCE_MS = 30_000
/** Milliseconds: as long as the sign-in page may stay open. */
const MAX_AGE_MS = 600_000
