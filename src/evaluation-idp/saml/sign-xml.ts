import { SignedXml } from 'xml-crypto'

export interface SignOptions {
  /** PEM. */
  readonly privateKey: string
  /** Default: RSA with SHA-256. */
  readonly signature?: string
  /** Default: SHA-256. */
  readonly digest?: string
  /** Of SignedInfo. Default: exclusive canonicalization. */
  readonly c14n?: string
  /** Default: an enveloped signature, then exclusive canonicalization. */
  readonly transforms?: readonly string[]
  /** PEM: the certificate that is put into KeyInfo. Default: there is no KeyInfo. */
  readonly keyInfo?: string
}

/**
 * Signs the element with this ID (XML Signature, enveloped; SAML Core, section 5.4): the signature is put after its Issuer, as the schema of SAML has it,
 * or first in it, where it has none.
 */
export function signXml(xml: string, id: string, options: SignOptions): string {
  const { keyInfo } = options
  const signed = new SignedXml({
    privateKey: options.privateKey,
    signatureAlgorithm: options.signature ?? 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    canonicalizationAlgorithm: options.c14n ?? EXCLUSIVE,
    getKeyInfoContent: () =>
      keyInfo === undefined
        ? ''
        : `<X509Data><X509Certificate>${bareCertificate(keyInfo)}</X509Certificate></X509Data>`,
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

/** A certificate in PEM as X509Certificate has it: base64 alone. */
export const bareCertificate = (pem: string): string => pem.replaceAll(/-----[^-]+-----|\s/g, '')

const EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#'
const ENVELOPED = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature'
