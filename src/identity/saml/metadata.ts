import { X509Certificate } from 'node:crypto'
import { isLoopback } from '../../shared/loopback.ts'
import { all, attribute, METADATA, one, SIGNATURE, textOf, timeOf, type Name } from './shape.ts'
import { readSigned } from './signature.ts'
import { readXml, XmlError, type XmlElement } from './xml.ts'

/** What the gateway uses of a provider's metadata (SAML Metadata, section 2.4.3). */
export interface ProviderMetadata {
  readonly entityId: string
  /** PEM: the keys it signs with. While it changes them there are an old and a new one. */
  readonly certificates: readonly string[]
  /** Where browsers are sent to sign in, by HTTP-Redirect. */
  readonly signOnUrl: string
  /** Where answers to its logout requests go, by HTTP-Redirect; undefined where it has none. */
  readonly logoutUrl: string | undefined
  /** In milliseconds; undefined where it does not say. */
  readonly validUntil: number | undefined
}

export interface MetadataTerms {
  readonly entityId: string
  /** PEM: the document must be signed with one of these keys. Undefined: its signature, if any, is not verified. */
  readonly signedBy: readonly string[] | undefined
  readonly now: number
}

/**
 * Reads a provider's metadata. What the gateway does not use of them is skipped; a document type, entities, an ID that is there twice and an
 * oversized document are refused as everywhere. Throws XmlError.
 */
export async function readMetadata(
  text: string,
  { entityId, signedBy, now }: MetadataTerms,
): Promise<ProviderMetadata> {
  const root = signedBy === undefined ? readXml(text, LIMITS) : await readSigned(text, LIMITS, signedBy)
  if (root.namespace !== METADATA || root.name !== 'EntityDescriptor')
    throw new XmlError(
      root.name === 'EntitiesDescriptor'
        ? 'is a list of many providers (EntitiesDescriptor), which is not supported: give the metadata of one'
        : 'is not SAML metadata: its root is not EntityDescriptor',
    )
  const named = attribute(root, 'entityID')
  if (named !== entityId) throw new XmlError('names another entity ID than the configuration')
  const role = one(root, md('IDPSSODescriptor'))
  if (!attribute(role, 'protocolSupportEnumeration').split(/\s+/).includes(PROTOCOL_SUPPORT))
    throw new XmlError('is not of a provider of SAML 2.0')
  const validUntil = [timeOf(root, 'validUntil'), timeOf(role, 'validUntil')]
    .filter((time) => time !== undefined)
    .toSorted((a, b) => a - b)[0]
  if (validUntil !== undefined && validUntil <= now) throw new XmlError('has expired (validUntil)')
  return {
    entityId,
    certificates: signingCertificates(role),
    signOnUrl: endpoint(role, 'SingleSignOnService', 'Location') ?? missing('SingleSignOnService', REDIRECT),
    // A response goes to ResponseLocation where there is one (section 2.2.2).
    logoutUrl:
      endpoint(role, 'SingleLogoutService', 'ResponseLocation') ?? endpoint(role, 'SingleLogoutService', 'Location'),
    validUntil,
  }
}

function signingCertificates(role: XmlElement): string[] {
  const found = all(role, md('KeyDescriptor'))
    .filter((key) => (key.attributes.get('use') ?? 'signing') === 'signing')
    .flatMap((key) => all(one(key, ds('KeyInfo')), ds('X509Data')))
    .flatMap((data) => all(data, ds('X509Certificate')))
    .map((element) => toPem(textOf(element)))
  if (found.length === 0) throw new XmlError('has no certificate to verify signatures with')
  if (found.length > MAX_KEYS) throw new XmlError(`has more than ${MAX_KEYS} certificates`)
  return [...new Set(found)]
}

/** A certificate in PEM, whose key is one that a signature can be believed by. */
function toPem(base64: string): string {
  const compact = base64.replace(/\s+/g, '')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) throw new XmlError('has a certificate that is not base64')
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(Buffer.from(compact, 'base64'))
  } catch {
    throw new XmlError('has a certificate that cannot be read')
  }
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey
  if (asymmetricKeyType !== 'rsa' || (asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS)
    throw new XmlError(`has a signing key that is not RSA with at least ${MIN_RSA_BITS} bits`)
  return certificate.toString()
}

function endpoint(role: XmlElement, service: string, location: 'Location' | 'ResponseLocation'): string | undefined {
  const found = all(role, md(service)).find((element) => element.attributes.get('Binding') === REDIRECT)
  const text = found?.attributes.get(location)
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))
  if (!isSafe || url.username !== '' || url.password !== '' || url.hash !== '')
    throw new XmlError(`has a ${service} that is not at an https URL`)
  return url.href
}

function missing(service: string, binding: string): never {
  throw new XmlError(`has no ${service} with the binding ${binding}`)
}

const md = (name: string): Name => [METADATA, name]
const ds = (name: string): Name => [SIGNATURE, name]

const PROTOCOL_SUPPORT = 'urn:oasis:names:tc:SAML:2.0:protocol'
const REDIRECT = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect'
/** Of the document: that of one provider has some kilobytes. */
export const MAX_METADATA_LENGTH = 524_288
const LIMITS = { maxLength: MAX_METADATA_LENGTH, allowComments: true }
const MAX_KEYS = 8
const MIN_RSA_BITS = 2048
