import {
  all,
  ASSERTION,
  attribute,
  ENCRYPTION,
  is,
  one,
  only,
  optional,
  PROTOCOL,
  SIGNATURE,
  textOf,
  timeOf,
  type Name,
} from './shape.ts'
import { needNoOtherSignature, needSignature } from './signature.ts'
import { readXml, XmlError, type XmlElement } from './xml.ts'

/** Where a message is to have come from, and to whom, and when. */
export interface MessageTerms {
  /** The entity ID of the provider. */
  readonly issuer: string
  /** The URL that it was sent to. */
  readonly destination: string
  readonly now: number
  /** Milliseconds that the provider's clock may be off. */
  readonly tolerance: number
}

/** What a response says before anything of it is verified: enough to know which request it answers. */
export interface ResponseHead {
  readonly inResponseTo: string | undefined
  readonly isEncrypted: boolean
}

/** The provider answered that it does not sign this person in (SAML Core, section 3.2.2.2). Nobody has verified that it did: its message is for the log. */
export class StatusError extends Error {
  override readonly name = 'StatusError'
  /** Those of its status codes that SAML has. */
  readonly codes: readonly string[]

  constructor(codes: readonly string[], message: string) {
    super(message)
    this.codes = codes
  }
}

/**
 * Holds a response (SAML Core, section 3.3.3) against the one form that is accepted: signed, with one assertion, and nothing that is not listed here.
 * Verifies no signature. Throws XmlError, and StatusError where the provider refused.
 */
export function readResponse(text: string, terms: MessageTerms): ResponseHead {
  const root = readXml(text, RESPONSE_LIMITS)
  if (!is(root, [PROTOCOL, 'Response'])) throw new XmlError('is not a Response')
  only(
    root,
    [
      [ASSERTION, 'Issuer'],
      [SIGNATURE, 'Signature'],
      [PROTOCOL, 'Status'],
      [ASSERTION, 'Assertion'],
      [ASSERTION, 'EncryptedAssertion'],
    ],
    ['ID', 'Version', 'IssueInstant', 'Destination', 'InResponseTo', 'Consent'],
  )
  needHead(root, terms)
  needSuccess(one(root, [PROTOCOL, 'Status']))
  needSignature(root)
  const assertions = [...all(root, [ASSERTION, 'Assertion']), ...all(root, [ASSERTION, 'EncryptedAssertion'])]
  const [assertion, ...more] = assertions
  if (assertion === undefined || more.length > 0)
    throw new XmlError(`has ${assertions.length} assertions instead of one`)
  const isEncrypted = assertion.name === 'EncryptedAssertion'
  if (isEncrypted) needEncryption(assertion)
  else needSignature(assertion)
  needNoOtherSignature(root, isEncrypted ? [root] : [root, assertion])
  return { inResponseTo: root.attributes.get('InResponseTo'), isEncrypted }
}

/** What every signed message has: version, ID, time, addressee and sender (SAML Core, section 3.2; SAML Bindings, section 3.5.5.2). */
export function needHead(root: XmlElement, { issuer, destination, now, tolerance }: MessageTerms): void {
  if (attribute(root, 'Version') !== '2.0') throw new XmlError('is not of SAML 2.0')
  needId(attribute(root, 'ID'))
  const issued = timeOf(root, 'IssueInstant')
  if (issued === undefined || issued > now + tolerance)
    throw new XmlError('was issued in the future, or has no valid time')
  if (issued < now - MAX_AGE_MS - tolerance) throw new XmlError('was issued too long ago')
  if (attribute(root, 'Destination') !== destination) throw new XmlError('is for another destination')
  needIssuer(root, issuer)
}

/** SAML Core, section 2.2.5: the entity itself, without another format. */
export function needIssuer(parent: XmlElement, expected: string): void {
  const issuer = one(parent, [ASSERTION, 'Issuer'])
  only(issuer, [], ['Format'])
  const format = issuer.attributes.get('Format')
  if (format !== undefined && format !== ENTITY_FORMAT) throw new XmlError('has an Issuer that is not an entity ID')
  if (textOf(issuer) !== expected) throw new XmlError('is from another issuer')
}

/** An NCName of a bounded length: it is a key of the store. */
export function needId(id: string): string {
  if (!/^[A-Za-z_][\w.-]{3,255}$/.test(id)) throw new XmlError('has an invalid ID')
  return id
}

function needSuccess(status: XmlElement): void {
  only(status, [p('StatusCode'), p('StatusMessage'), p('StatusDetail')], [])
  const code = one(status, p('StatusCode'))
  only(code, [p('StatusCode')], ['Value'])
  const value = attribute(code, 'Value')
  const inner = optional(code, p('StatusCode'))
  if (value === SUCCESS && inner === undefined) return
  const message = optional(status, p('StatusMessage'))
  const said = [value, inner === undefined ? undefined : attribute(inner, 'Value')]
    .filter((part) => part !== undefined)
    .map((part) => part.replace(/^.*:/, ''))
  const words = message === undefined ? '' : textOf(message).trim()
  throw new StatusError(
    said.filter((code) => STATUS_CODES.has(code)),
    [...said, ...(words === '' ? [] : [words])].join(', '),
  )
}

/** XML Encryption: AES for the data, RSA-OAEP for its key, which is in it. */
function needEncryption(encrypted: XmlElement): void {
  only(encrypted, [x('EncryptedData'), x('EncryptedKey')], [])
  const data = one(encrypted, x('EncryptedData'))
  only(data, [x('EncryptionMethod'), [SIGNATURE, 'KeyInfo'], x('CipherData')], ['Id', 'Type'])
  if (data.attributes.get('Type') !== `${ENCRYPTION}Element`)
    throw new XmlError('encrypts something other than an element')
  const method = one(data, x('EncryptionMethod'))
  if (!DATA_ALGORITHMS.has(attribute(method, 'Algorithm')))
    throw new XmlError('is encrypted with an algorithm that is not accepted: AES with 128 or 256 bits is')
  const info = one(data, [SIGNATURE, 'KeyInfo'])
  // Beside the data, and referred to from there, or within its KeyInfo.
  const keys = [...all(info, x('EncryptedKey')), ...all(encrypted, x('EncryptedKey'))]
  const [key, ...more] = keys
  if (key === undefined || more.length > 0) throw new XmlError(`has ${keys.length} encrypted keys instead of one`)
  if (attribute(one(key, x('EncryptionMethod')), 'Algorithm') !== KEY_ALGORITHM)
    throw new XmlError('has a key that is not encrypted with RSA-OAEP (MGF1 with SHA-1)')
  for (const cipher of [one(data, x('CipherData')), one(key, x('CipherData'))]) {
    only(cipher, [x('CipherValue')], [])
    textOf(one(cipher, x('CipherValue')))
  }
}

const p = (name: string): Name => [PROTOCOL, name]
const x = (name: string): Name => [ENCRYPTION, name]

/** Characters: enough for a thousand groups and an encrypted assertion. */
export const MAX_RESPONSE_LENGTH = 262_144
/** A thousand groups, and what else there is. */
export const RESPONSE_LIMITS = { maxLength: MAX_RESPONSE_LENGTH, maxElements: 2000 }
/** Milliseconds that a message may be under way: its conditions usually say less. */
const MAX_AGE_MS = 600_000
const SUCCESS = 'urn:oasis:names:tc:SAML:2.0:status:Success'
/** SAML Core, section 3.2.2.2. Whoever has a browser send a form here chooses what else a refusal says. */
const STATUS_CODES: ReadonlySet<string> = new Set(
  'Requester Responder VersionMismatch AuthnFailed InvalidAttrNameOrValue InvalidNameIDPolicy NoAuthnContext NoAvailableIDP NoPassive NoSupportedIDP PartialLogout ProxyCountExceeded RequestDenied RequestUnsupported RequestVersionDeprecated RequestVersionTooHigh RequestVersionTooLow ResourceNotRecognized TooManyResponses UnknownAttrProfile UnknownPrincipal UnsupportedBinding'.split(
    ' ',
  ),
)
const ENTITY_FORMAT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:entity'
const DATA_ALGORITHMS: ReadonlySet<string> = new Set([
  `${ENCRYPTION}aes128-cbc`,
  `${ENCRYPTION}aes256-cbc`,
  'http://www.w3.org/2009/xmlenc11#aes128-gcm',
  'http://www.w3.org/2009/xmlenc11#aes256-gcm',
])
const KEY_ALGORITHM = `${ENCRYPTION}rsa-oaep-mgf1p`
