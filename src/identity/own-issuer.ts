import { createHash } from 'node:crypto'
import {
  calculateJwkThumbprint,
  decodeJwt,
  errors,
  exportJWK,
  jwtVerify,
  SignJWT,
  type JWK,
  type KeyObject,
} from 'jose'
import { PamError } from '../shared/errors.ts'

/** Who signed in, as an ID token of the gateway's own says (OpenID Connect Core 1.0, section 2). */
export interface OwnIdentity {
  /** The issuer: the gateway, for one provider. */
  readonly issuer: string
  readonly person: string
  readonly label: string
  readonly groups: readonly string[]
  /** Milliseconds. */
  readonly authTime: number | undefined
  /** The sign-in with SAML that it rests on: what counts is looked up there. */
  readonly session: string
  /** RFC 7638 thumbprint of the key that alone may present it. */
  readonly thumbprint: string
}

/** What of such a token is believed. */
export interface OwnClaims extends Pick<OwnIdentity, 'issuer' | 'session' | 'thumbprint'> {
  /** Milliseconds. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** Names this very token: SHA-256 of what was signed. */
  readonly digest: string
}

/** The gateway as an authorization server for its own command line, where people sign in with SAML. */
export interface OwnIssuer {
  mint(identity: OwnIdentity, now: number): Promise<{ readonly token: string; readonly expiresInSeconds: number }>
  /** Throws TOKEN_INVALID, TOKEN_EXPIRED. `issuer`: the one that the token has to name. */
  verify(token: string, issuer: string, now: number): Promise<OwnClaims>
  /** The public key (RFC 7517). */
  keys(): Promise<readonly JWK[]>
}

/** The client of every issuer of the gateway's own: pamctl. */
export const OWN_CLIENT = 'pamctl'

/** Its key is of its own: a token of another kind that the gateway signs is never one of these. */
export function ownIssuer({
  privateKey,
  publicKey,
}: {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}): OwnIssuer {
  let published: Promise<JWK & { readonly kid: string }> | undefined
  const publicJwk = () =>
    (published ??= exportJWK(publicKey).then(async (jwk) => ({
      ...jwk,
      kid: await calculateJwkThumbprint(jwk),
      use: 'sig',
      alg: 'EdDSA',
    })))
  return {
    keys: async () => [await publicJwk()],
    async mint({ issuer, person, label, groups, authTime, session, thumbprint }, now) {
      const issued = Math.floor(now / 1000)
      const token = await new SignJWT({
        name: label,
        groups: [...groups],
        sid: session,
        cnf: { jkt: thumbprint },
        ...(authTime === undefined ? {} : { auth_time: Math.floor(authTime / 1000) }),
      })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: (await publicJwk()).kid })
        .setIssuer(issuer)
        .setSubject(person)
        .setAudience(OWN_CLIENT)
        .setIssuedAt(issued)
        .setExpirationTime(issued + LIFE_SECONDS)
        .sign(privateKey)
      return { token, expiresInSeconds: LIFE_SECONDS }
    },
    async verify(token, issuer, now) {
      try {
        const { payload } = await jwtVerify<{ sid?: unknown; cnf?: { jkt?: unknown } }>(token, publicKey, {
          typ: 'JWT',
          algorithms: ['EdDSA'],
          issuer,
          audience: OWN_CLIENT,
          currentDate: new Date(now),
          requiredClaims: ['sub', 'iat', 'exp', 'sid', 'cnf'],
        })
        const { sid, cnf, iat = 0, exp = 0 } = payload
        const thumbprint = cnf?.jkt
        if (typeof sid !== 'string' || typeof thumbprint !== 'string') throw new errors.JWTInvalid('sid, cnf')
        return {
          issuer,
          session: sid,
          thumbprint,
          issuedAt: iat * 1000,
          expiresAt: exp * 1000,
          digest: createHash('sha256')
            .update(token.slice(0, token.lastIndexOf('.')))
            .digest('base64url'),
        }
      } catch (error) {
        if (error instanceof errors.JWTExpired) throw new PamError('TOKEN_EXPIRED', 'the identity token has expired')
        throw new PamError('TOKEN_INVALID', 'the identity token does not verify', { cause: error })
      }
    },
  }
}

/** The issuer that a token names; undefined where it is no JWT. Nothing is believed by it. */
export function namedIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss
  } catch {
    return undefined
  }
}

const LIFE_SECONDS = 300
