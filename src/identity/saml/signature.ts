import { attribute, EXCLUSIVE_C14N, is, one, only, optional, SIGNATURE, textOf, type Name } from './shape.ts'
import { readXml, XmlError, type XmlElement, type XmlLimits } from './xml.ts'

/**
 * The one form of a signature that is accepted, of those that XML Signature has: enveloped, over the very element that holds it, by its ID
 * (SAML Core, section 5.4), with SHA-256 or better. Says nothing about whether it verifies. Throws XmlError.
 */
export function needSignature(signed: XmlElement): void {
  const found = one(signed, ds('Signature'))
  only(found, [ds('SignedInfo'), ds('SignatureValue'), ds('KeyInfo')], ['Id'])
  textOf(one(found, ds('SignatureValue')))
  const info = one(found, ds('SignedInfo'))
  only(info, [ds('CanonicalizationMethod'), ds('SignatureMethod'), ds('Reference')], ['Id'])
  needC14n(one(info, ds('CanonicalizationMethod')))
  needAlgorithm(one(info, ds('SignatureMethod')), SIGNATURE_ALGORITHMS)
  const reference = one(info, ds('Reference'))
  only(reference, [ds('Transforms'), ds('DigestMethod'), ds('DigestValue')], ['Id', 'URI', 'Type'])
  if (attribute(reference, 'URI') !== `#${attribute(signed, 'ID')}`)
    throw new XmlError(`has a signature in ${signed.name} that is over something else`)
  const transforms = one(reference, ds('Transforms'))
  only(transforms, [ds('Transform')], [])
  const [enveloped, c14n, ...more] = transforms.children
  if (enveloped === undefined || c14n === undefined || more.length > 0)
    throw new XmlError('has a signature with other transforms than an enveloped one has')
  needAlgorithm(enveloped, new Set([ENVELOPED]))
  needC14n(c14n)
  needAlgorithm(one(reference, ds('DigestMethod')), DIGEST_ALGORITHMS)
  textOf(one(reference, ds('DigestValue')))
}

/** Throws XmlError where there is a signature anywhere but directly in these elements. */
export function needNoOtherSignature(root: XmlElement, holders: readonly XmlElement[]): void {
  const visit = (element: XmlElement): void => {
    for (const child of element.children) {
      if (is(child, ds('Signature')) && !holders.includes(element))
        throw new XmlError(`has a signature in ${element.name}`)
      visit(child)
    }
  }
  visit(root)
}

/**
 * Verifies a document whose root is signed, with any of these certificates (PEM), and reads what was verified, which alone is to be
 * believed. Throws XmlError.
 */
export async function readSigned(
  text: string,
  limits: XmlLimits,
  certificates: readonly string[],
): Promise<XmlElement> {
  const root = readXml(text, limits)
  needSignature(root)
  needNoOtherSignature(root, [root])
  // The door to the library is here: it is loaded where somebody signs in with SAML, and nowhere else.
  const { getVerifiedXml, parseDomFromString } = await import('@node-saml/node-saml/lib/xml.js')
  const document = await parseDomFromString(text)
  const verified = getVerifiedXml(text, document.documentElement, [...certificates])
  if (verified === null) throw new XmlError('has a signature that does not verify with any key of the provider')
  return readXml(verified, limits)
}

function needC14n(method: XmlElement): void {
  only(method, [[EXCLUSIVE_C14N, 'InclusiveNamespaces']], ['Algorithm'])
  if (attribute(method, 'Algorithm') !== EXCLUSIVE_C14N)
    throw new XmlError('has a signature with a canonicalization that is not supported')
  const inclusive = optional(method, [EXCLUSIVE_C14N, 'InclusiveNamespaces'])
  if (inclusive === undefined) return
  only(inclusive, [], ['PrefixList'])
  // Each of them is compared with each attribute of the document, before anything is verified.
  if (attribute(inclusive, 'PrefixList').length > MAX_PREFIX_LIST)
    throw new XmlError('has a signature with too many inclusive namespaces')
}

function needAlgorithm(method: XmlElement, allowed: ReadonlySet<string>): void {
  only(method, [], ['Algorithm'])
  if (!allowed.has(attribute(method, 'Algorithm')))
    throw new XmlError(`has a signature with a ${method.name} that is not accepted: SHA-256 or SHA-512 with RSA is`)
}

const ds = (name: string): Name => [SIGNATURE, name]

/** Characters: a provider lists `xs`, and perhaps another one. */
const MAX_PREFIX_LIST = 200
const ENVELOPED = `${SIGNATURE}enveloped-signature`
const SIGNATURE_ALGORITHMS: ReadonlySet<string> = new Set([
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512',
])
const DIGEST_ALGORITHMS: ReadonlySet<string> = new Set([
  'http://www.w3.org/2001/04/xmlenc#sha256',
  'http://www.w3.org/2001/04/xmlenc#sha512',
])
