import { needId, needIssuer, type MessageTerms } from './response.ts'
import { all, ASSERTION, attribute, is, one, only, optional, SIGNATURE, textOf, timeOf, type Name } from './shape.ts'
import { needNoOtherSignature, needSignature } from './signature.ts'
import { XmlError, type XmlElement } from './xml.ts'

/** What an assertion of a trusted provider says, once it has been verified and held against its terms. */
export interface Assertion {
  readonly id: string
  readonly nameId: string
  /** Times in milliseconds. */
  readonly issuedAt: number
  /** It is of no use from then on. */
  readonly notOnOrAfter: number
  /** When the person signed in with their credentials; undefined where the provider does not say. */
  readonly authnInstant: number | undefined
  readonly sessionIndex: string | undefined
  /** When the provider's session of the person ends. */
  readonly sessionNotOnOrAfter: number | undefined
  readonly attributes: ReadonlyMap<string, readonly string[]>
}

export interface AssertionTerms extends MessageTerms {
  /** Our entity ID. */
  readonly audience: string
  /** The request that it answers; undefined where none was made, and the provider may begin. */
  readonly inResponseTo: string | undefined
  /** The only format of NameID that is accepted, such as `persistent`. */
  readonly nameIdFormat: string
}

/**
 * Reads an assertion (SAML Core, section 2.3.3) as the Web Browser SSO Profile has it (SAML Profiles, section 4.1.4.2). `root` must be read from
 * what a signature covers: nothing is verified here but times, addressees and form. Throws XmlError.
 */
export function readAssertion(root: XmlElement, terms: AssertionTerms): Assertion {
  const { now, tolerance } = terms
  if (!is(root, s('Assertion'))) throw new XmlError('has no Assertion')
  only(
    root,
    [
      s('Issuer'),
      [SIGNATURE, 'Signature'],
      s('Subject'),
      s('Conditions'),
      s('AuthnStatement'),
      s('AttributeStatement'),
    ],
    ['ID', 'Version', 'IssueInstant'],
  )
  if (attribute(root, 'Version') !== '2.0') throw new XmlError('is not of SAML 2.0')
  needIssuer(root, terms.issuer)
  needSignature(root)
  needNoOtherSignature(root, [root])
  const issuedAt = timeOf(root, 'IssueInstant')
  if (issuedAt === undefined || issuedAt > now + tolerance)
    throw new XmlError('was issued in the future, or has no valid time')
  const subject = one(root, s('Subject'))
  only(subject, [s('NameID'), s('SubjectConfirmation')], [])
  return {
    id: needId(attribute(root, 'ID')),
    nameId: readNameId(one(subject, s('NameID')), { ...terms, format: terms.nameIdFormat }),
    issuedAt,
    notOnOrAfter: Math.min(readConfirmation(subject, terms), readConditions(one(root, s('Conditions')), terms)),
    ...readAuthentication(optional(root, s('AuthnStatement')), terms),
    attributes: readAttributes(root),
  }
}

/** What a NameID is a name in. */
export interface NameSpace {
  readonly format: string
  /** Entity ID of the provider. */
  readonly issuer: string
  /** Our own. */
  readonly audience: string
}

/**
 * The NameID of somebody (SAML Core, section 8.3), in exactly the format that is configured. One that another provider or service qualifies (section
 * 8.3.7) is another name, whatever its text.
 */
export function readNameId(element: XmlElement, { format, issuer, audience }: NameSpace): string {
  only(element, [], ['Format', 'NameQualifier', 'SPNameQualifier', 'SPProvidedID'])
  const given = element.attributes.get('Format') ?? NAME_ID_FORMATS['unspecified']
  if (given !== NAME_ID_FORMATS[format]) throw new XmlError(`has a NameID that is not in the format ${format}`)
  if ((element.attributes.get('NameQualifier') ?? issuer) !== issuer)
    throw new XmlError('has a NameID of another provider (NameQualifier)')
  if ((element.attributes.get('SPNameQualifier') ?? audience) !== audience)
    throw new XmlError('has a NameID for another service (SPNameQualifier)')
  const value = textOf(element)
  if (value === '' || value !== value.trim() || value.length > MAX_NAME_ID || /\p{C}/u.test(value))
    throw new XmlError(
      'has a NameID that is empty, too long, or has blanks around it or characters that are not visible',
    )
  return value
}

/** SAML Profiles, section 3.3: whoever bears it, at this address, until then. Other ways are refused, not passed over. */
function readConfirmation(subject: XmlElement, { destination, inResponseTo, now, tolerance }: AssertionTerms): number {
  const confirmation = one(subject, s('SubjectConfirmation'))
  only(confirmation, [s('SubjectConfirmationData')], ['Method'])
  if (attribute(confirmation, 'Method') !== BEARER) throw new XmlError('is not confirmed by bearer')
  const data = one(confirmation, s('SubjectConfirmationData'))
  only(data, [], ['Recipient', 'NotOnOrAfter', 'InResponseTo', 'Address'])
  if (attribute(data, 'Recipient') !== destination) throw new XmlError('is for another recipient')
  if (data.attributes.get('InResponseTo') !== inResponseTo) throw new XmlError('answers another request')
  const until = timeOf(data, 'NotOnOrAfter')
  if (until === undefined) throw new XmlError('has no NotOnOrAfter in SubjectConfirmationData')
  if (now >= until + tolerance) throw new XmlError('has expired')
  return until
}

/** SAML Core, section 2.5. */
function readConditions(conditions: XmlElement, { audience, now, tolerance }: AssertionTerms): number {
  only(conditions, [s('AudienceRestriction'), s('OneTimeUse'), s('ProxyRestriction')], ['NotBefore', 'NotOnOrAfter'])
  const from = timeOf(conditions, 'NotBefore')
  if (from !== undefined && now < from - tolerance) throw new XmlError('is not valid yet')
  const until = timeOf(conditions, 'NotOnOrAfter')
  if (until === undefined) throw new XmlError('has no NotOnOrAfter in Conditions')
  if (now >= until + tolerance) throw new XmlError('has expired')
  const restrictions = all(conditions, s('AudienceRestriction'))
  if (restrictions.length === 0) throw new XmlError('is for no audience')
  for (const restriction of restrictions) {
    only(restriction, [s('Audience')], [])
    if (!all(restriction, s('Audience')).some((element) => textOf(element) === audience))
      throw new XmlError('is for another audience')
  }
  return until
}

/** SAML Core, section 2.7.2. A provider may leave it out: then nobody knows when the person signed in. */
function readAuthentication(
  statement: XmlElement | undefined,
  { now, tolerance }: AssertionTerms,
): Pick<Assertion, 'authnInstant' | 'sessionIndex' | 'sessionNotOnOrAfter'> {
  if (statement === undefined)
    return { authnInstant: undefined, sessionIndex: undefined, sessionNotOnOrAfter: undefined }
  only(statement, [s('SubjectLocality'), s('AuthnContext')], ['AuthnInstant', 'SessionIndex', 'SessionNotOnOrAfter'])
  const authnInstant = timeOf(statement, 'AuthnInstant')
  if (authnInstant === undefined || authnInstant > now + tolerance)
    throw new XmlError('has an AuthnInstant in the future, or none')
  const sessionNotOnOrAfter = timeOf(statement, 'SessionNotOnOrAfter')
  if (sessionNotOnOrAfter !== undefined && now >= sessionNotOnOrAfter)
    throw new XmlError('is of a session that has ended (SessionNotOnOrAfter)')
  const sessionIndex = statement.attributes.get('SessionIndex')
  if (sessionIndex !== undefined && sessionIndex.length > MAX_NAME_ID)
    throw new XmlError('has a SessionIndex that is too long')
  return { authnInstant, sessionIndex, sessionNotOnOrAfter }
}

/** SAML Core, section 2.7.3. An attribute that is there twice has the values of both. */
function readAttributes(root: XmlElement): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const statement of all(root, s('AttributeStatement'))) {
    only(statement, [s('Attribute')], [])
    for (const element of statement.children) {
      const values = element.children.map((value) => {
        if (!is(value, s('AttributeValue'))) throw new XmlError('has something other than values in an Attribute')
        return textOf(value)
      })
      const name = attribute(element, 'Name')
      found.set(name, [...(found.get(name) ?? []), ...values])
    }
  }
  return found
}

const s = (name: string): Name => [ASSERTION, name]

const BEARER = 'urn:oasis:names:tc:SAML:2.0:cm:bearer'
/** SAML Core, section 8.3. */
export const NAME_ID_FORMATS: Readonly<Record<string, string>> = {
  persistent: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  transient: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient',
  emailAddress: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
  unspecified: 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified',
}
/** SAML Core, section 8.3.7, allows 256. */
const MAX_NAME_ID = 256
