import { PamError } from '../../shared/errors.ts'
import type { RelyingParty } from './passkey.ts'

/** Throws PASSKEY_REFUSED: `why` completes "the passkey was refused: …". */
export const refuse = (why: string, cause?: unknown): never => {
  throw new PamError('PASSKEY_REFUSED', `the passkey was refused: ${why}`, {
    hint: 'try once more; if it happens again, tell your administrator',
    cause,
  })
}

/** The challenge in client data, base64url: by it the gateway finds what was asked. Nothing in it is proven yet. */
export function challengeOf(clientDataJSON: string): string {
  const { challenge } = parse(clientDataJSON)
  return typeof challenge === 'string' && /^[\w-]{43}$/.test(challenge) ? challenge : refuse('it answers no challenge')
}

/**
 * What the browser says of where it asked the authenticator (CollectedClientData, WebAuthn level 3, section 5.8.1): this act, on a page of the
 * dashboard, which stands in no frame of another site.
 */
export function needOwnPage(
  clientDataJSON: string,
  type: 'webauthn.create' | 'webauthn.get',
  { origin }: RelyingParty,
): void {
  const data = parse(clientDataJSON)
  if (data['type'] !== type) refuse('it was made for another operation')
  if (data['origin'] !== origin) refuse('it was made on a page of another origin')
  if (data['crossOrigin'] !== undefined && data['crossOrigin'] !== false)
    refuse('it was made in a frame of a page of another origin')
  if (data['topOrigin'] !== undefined) refuse('it was made in a frame of a page of another origin')
}

function parse(clientDataJSON: string): Readonly<Record<string, unknown>> {
  try {
    const bytes = Buffer.from(clientDataJSON, 'base64url')
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    return typeof value === 'object' && value !== null ? { ...value } : refuse('its client data are malformed')
  } catch (error) {
    return error instanceof PamError
      ? refuse('its client data are malformed')
      : refuse('its client data are malformed', error)
  }
}
