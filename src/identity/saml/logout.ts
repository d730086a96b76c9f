import { readNameId } from './assertion.ts'
import { needHead, needId } from './response.ts'
import { all, ASSERTION, attribute, is, one, only, PROTOCOL, SIGNATURE, textOf, timeOf } from './shape.ts'
import { readSigned } from './signature.ts'
import { decodeMessage, libraryOf, toPamError, type SamlClient } from './service-provider.ts'
import { XmlError } from './xml.ts'

/** A provider says that somebody has signed out there (SAML Core, section 3.7.1). */
export interface LogoutRequest {
  readonly id: string
  readonly nameId: string
  /** The provider's sessions that end; all of the person where there are none. */
  readonly sessionIndexes: readonly string[]
  /** Milliseconds, by the clock of the provider. */
  readonly issuedAt: number
  /** Milliseconds: the request is refused for its age from then on. */
  readonly expiresAt: number
}

/**
 * Takes a logout request (base64, by HTTP-POST) of the provider: signed, for this address, recent. What is believed is read from what was
 * verified. The caller makes sure that it is used once. Throws PamError.
 */
export async function acceptLogoutRequest(client: SamlClient, encoded: string, now: number): Promise<LogoutRequest> {
  try {
    return await accept(client, encoded, now)
  } catch (error) {
    throw toPamError(error, client.issuer.name)
  }
}

async function accept(client: SamlClient, encoded: string, now: number): Promise<LogoutRequest> {
  const { issuer, entityId, logoutUrl, metadata } = client
  const text = decodeMessage(encoded, MAX_REQUEST_LENGTH)
  const read = async () => {
    const { certificates } = await metadata.current(now)
    return readSigned(text, { maxLength: MAX_REQUEST_LENGTH, maxElements: 200 }, certificates)
  }
  const root = await read().catch(async (error: unknown) => {
    if (!(await metadata.changed(now))) throw error
    return read()
  })
  if (!is(root, [PROTOCOL, 'LogoutRequest'])) throw new XmlError('is not a LogoutRequest')
  only(
    root,
    [
      [ASSERTION, 'Issuer'],
      [SIGNATURE, 'Signature'],
      [PROTOCOL, 'Extensions'],
      [ASSERTION, 'NameID'],
      [PROTOCOL, 'SessionIndex'],
    ],
    ['ID', 'Version', 'IssueInstant', 'Destination', 'NotOnOrAfter', 'Reason', 'Consent'],
  )
  const tolerance = issuer.clockTolerance
  needHead(root, { issuer: issuer.entityId, destination: logoutUrl, now, tolerance })
  const issuedAt = timeOf(root, 'IssueInstant') ?? now
  const until = timeOf(root, 'NotOnOrAfter') ?? issuedAt + REQUEST_LIFE_MS
  if (now >= until + tolerance) throw new XmlError('has expired')
  return {
    id: needId(attribute(root, 'ID')),
    nameId: readNameId(one(root, [ASSERTION, 'NameID']), {
      format: issuer.nameIdFormat,
      issuer: issuer.entityId,
      audience: entityId,
    }),
    sessionIndexes: all(root, [PROTOCOL, 'SessionIndex']).map(textOf),
    issuedAt,
    expiresAt: until + tolerance,
  }
}

/** Where the browser takes our answer to (by HTTP-Redirect); undefined where the provider has no address for it. */
export async function logoutAnswerUrl(
  client: SamlClient,
  request: LogoutRequest,
  { relayState, now }: { readonly relayState: string; readonly now: number },
): Promise<string | undefined> {
  const metadata = await client.metadata.current(now)
  if (metadata.logoutUrl === undefined) return undefined
  const saml = await libraryOf(client, metadata, { logoutUrl: metadata.logoutUrl })
  const profile = { ID: request.id, issuer: client.issuer.entityId, nameID: request.nameId, nameIDFormat: '' }
  return saml.getLogoutResponseUrlAsync(profile, relayState, {}, true)
}

const MAX_REQUEST_LENGTH = 32_768
/** Milliseconds that a request without NotOnOrAfter is good for. */
const REQUEST_LIFE_MS = 300_000
