import type { SamlConfig } from '@node-saml/node-saml'
import { PamError } from '../../shared/errors.ts'
import { visible } from '../../shared/visible.ts'
import type { DirectoryJoin } from '../login-origin.ts'
import { NAME_ID_FORMATS, readAssertion, type Assertion } from './assertion.ts'
import type { SamlIssuer } from './issuer.ts'
import type { MetadataSource } from './metadata-source.ts'
import type { ProviderMetadata } from './metadata.ts'
import { MAX_RESPONSE_LENGTH, readResponse, RESPONSE_LIMITS, StatusError, type MessageTerms } from './response.ts'
import { readXml, XmlError } from './xml.ts'

/** The gateway as a service provider of one identity provider. */
export interface SamlClient {
  readonly issuer: SamlIssuer
  readonly metadata: MetadataSource
  /** Ours: an entity of its own for each provider, so that an assertion for one is never taken for another's. */
  readonly entityId: string
  readonly assertionConsumerUrl: string
  readonly logoutUrl: string
  /** PEM. */
  readonly keyPair: { readonly certificate: string; readonly privateKey: string } | undefined
  /** The provisioning source of its people, and how that names them. */
  readonly provisioning?: DirectoryJoin | undefined
}

/** A sign-in that was begun: its ID is what the answer must name. */
export interface SamlRequest {
  readonly id: string
  /** The provider's page, with the request. */
  readonly url: string
}

/** An AuthnRequest (SAML Core, section 3.4.1) by HTTP-Redirect. `fresh`: the person is to enter their credentials again. */
export async function beginSamlSignIn(
  client: SamlClient,
  { id, fresh, now }: { readonly id: string; readonly fresh: boolean; readonly now: number },
): Promise<SamlRequest> {
  const metadata = await client.metadata.current(now)
  const saml = await libraryOf(client, metadata, { forceAuthn: fresh, generateUniqueId: () => id })
  return { id, url: await saml.getAuthorizeUrlAsync('', undefined, {}) }
}

/** Of the answer's request: whether one with this ID was made to this provider, and has not been answered. */
export type FindRequest = (id: string) => Promise<boolean>

export interface SamlAnswer {
  readonly assertion: Assertion
  /** Undefined where the provider began. */
  readonly requestId: string | undefined
}

/**
 * Takes a response (base64, as the form had it) that came to our assertion consumer. The library verifies signatures, decrypts and holds the rest
 * against its own rules; what is believed is read again, from the very bytes that were verified. The caller makes sure that request and
 * assertion are used once. Throws PamError.
 */
export async function acceptSamlResponse(
  client: SamlClient,
  encoded: string,
  { findRequest, now }: { readonly findRequest: FindRequest; readonly now: number },
): Promise<SamlAnswer> {
  try {
    return await accept(client, encoded, findRequest, now)
  } catch (error) {
    throw toPamError(error, client.issuer.name)
  }
}

async function accept(client: SamlClient, encoded: string, findRequest: FindRequest, now: number): Promise<SamlAnswer> {
  const { issuer, assertionConsumerUrl, entityId, keyPair } = client
  const text = decodeMessage(encoded, MAX_RESPONSE_LENGTH)
  const terms: MessageTerms = {
    issuer: issuer.entityId,
    destination: assertionConsumerUrl,
    now,
    tolerance: issuer.clockTolerance,
  }
  const { inResponseTo, isEncrypted } = readResponse(text, terms)
  if (isEncrypted && keyPair === undefined)
    throw new XmlError('has an encrypted assertion, and the gateway has no key for it (keyPair)')
  if (inResponseTo === undefined && !issuer.idpInitiated)
    throw new XmlError('answers no request, and sign-ins that begin at the provider are off (idpInitiated)')
  if (inResponseTo !== undefined && !(await findRequest(inResponseTo)))
    throw new XmlError('answers a request that was not made here, was answered before, or is too old')
  const verified = await verify(client, encoded, inResponseTo, now)
  const root = readXml(verified, RESPONSE_LIMITS)
  const assertion = readAssertion(root, {
    ...terms,
    audience: entityId,
    inResponseTo,
    nameIdFormat: issuer.nameIdFormat,
  })
  return { assertion, requestId: inResponseTo }
}

/** The assertion, as it was signed. A signature by no known key may be by a new one: the metadata say so when they are read again. */
async function verify(client: SamlClient, encoded: string, request: string | undefined, now: number): Promise<string> {
  const metadata = await client.metadata.current(now)
  try {
    return await verifyWith(client, metadata, encoded, request, now)
  } catch (error) {
    if (!(await client.metadata.changed(now))) throw error
    return verifyWith(client, await client.metadata.current(now), encoded, request, now)
  }
}

async function verifyWith(
  client: SamlClient,
  metadata: ProviderMetadata,
  encoded: string,
  request: string | undefined,
  now: number,
): Promise<string> {
  const { ValidateInResponseTo } = await import('@node-saml/node-saml')
  const saml = await libraryOf(client, metadata, {
    validateInResponseTo: request === undefined ? ValidateInResponseTo.never : ValidateInResponseTo.always,
    // Whether it was made and answered is the store's to say, which the caller asks.
    cacheProvider: {
      saveAsync: () => Promise.resolve(null),
      getAsync: (id) => Promise.resolve(id === request ? new Date(now).toISOString() : null),
      removeAsync: () => Promise.resolve(null),
    },
  })
  const { profile } = await saml.validatePostResponseAsync({ SAMLResponse: encoded }).catch((error: unknown) => {
    // Its own words quote the answer: they are for the log.
    throw new XmlError('does not verify, or its conditions are not met', { cause: error })
  })
  // The library does not compare it (`idpIssuer` is for logout alone).
  if (profile?.issuer !== client.issuer.entityId) throw new XmlError('is from another issuer')
  const assertion = profile.getAssertionXml?.()
  if (assertion === undefined) throw new XmlError('has no assertion')
  return assertion
}

/** A message of HTTP-POST (SAML Bindings, section 3.5.4). Throws XmlError. */
export function decodeMessage(encoded: string, maxLength: number): string {
  const compact = encoded.replace(/[\r\n]/g, '')
  if (compact.length > Math.ceil(maxLength / 3) * 4) throw new XmlError(`is longer than ${maxLength} characters`)
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(compact) || compact === '')
    throw new XmlError('is not base64')
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(compact, 'base64'))
  } catch {
    throw new XmlError('is not UTF-8')
  }
}

/** Our own metadata (SAML Metadata, section 2.4.4), for the provider to read. */
export async function ownMetadata(client: SamlClient): Promise<string> {
  const saml = await libraryOf(client, { certificates: ['unused'], signOnUrl: client.entityId }, {})
  const { certificate } = client.keyPair ?? {}
  return saml.generateServiceProviderMetadata(certificate ?? null, certificate ?? null)
}

/** For one message: its keys and addresses are those of the metadata now. */
export async function libraryOf(
  { issuer, entityId, assertionConsumerUrl, logoutUrl, keyPair }: SamlClient,
  { certificates, signOnUrl }: Pick<ProviderMetadata, 'certificates' | 'signOnUrl'>,
  more: Partial<SamlConfig>,
) {
  // Loaded where somebody signs in with SAML, and nowhere else.
  const { SAML } = await import('@node-saml/node-saml')
  return new SAML({
    issuer: entityId,
    audience: entityId,
    callbackUrl: assertionConsumerUrl,
    logoutCallbackUrl: logoutUrl,
    entryPoint: signOnUrl,
    idpCert: [...certificates],
    idpIssuer: issuer.entityId,
    identifierFormat: NAME_ID_FORMATS[issuer.nameIdFormat] ?? null,
    wantAuthnResponseSigned: true,
    wantAssertionsSigned: true,
    acceptedClockSkewMs: issuer.clockTolerance,
    disableRequestedAuthnContext: true,
    signatureAlgorithm: 'sha256',
    digestAlgorithm: 'sha256',
    ...(keyPair === undefined
      ? {}
      : { privateKey: keyPair.privateKey, publicCert: keyPair.certificate, decryptionPvk: keyPair.privateKey }),
    ...more,
  })
}

/** What is wrong, for the person and the log. It quotes nothing of an assertion. */
export function toPamError(error: unknown, name: string): PamError {
  if (error instanceof PamError) return error
  if (error instanceof StatusError)
    return new PamError('SIGN_IN_DENIED', 'the identity provider refused the sign-in', {
      hint:
        error.codes.length === 0
          ? 'start the sign-in again; the gateway log has what the identity provider said'
          : `the identity provider says: ${error.codes.join(', ')}`,
      cause: error,
    })
  if (error instanceof XmlError)
    return new PamError(
      'TOKEN_INVALID',
      `the answer of the SAML provider ${name} ${visible(error.message).slice(0, 300)}`,
      {
        hint: 'start the sign-in again; if this persists, ask your administrator to check the provider against docs/identity/',
        // The message is said above; what is behind it, where there is anything, is not.
        cause: error.cause,
      },
    )
  return new PamError('TOKEN_INVALID', `the answer of the SAML provider ${name} cannot be read`, { cause: error })
}
