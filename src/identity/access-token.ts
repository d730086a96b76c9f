import { jwtVerify, SignJWT, errors, type CryptoKey, type KeyObject } from 'jose'
import { PamError } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'

/** The gateway's own token: names a login and the key it is bound to; everything else is looked up. */
export interface AccessTokenClaims {
  readonly login: string
  /** RFC 7638 thumbprint of the holder's key (`cnf.jkt`, RFC 9449 section 6). */
  readonly thumbprint: string
}

export interface AccessTokens {
  mint(claims: AccessTokenClaims, now: number): Promise<{ token: string; expiresAt: number }>
  verify(token: string, now: number): Promise<AccessTokenClaims>
}

type Key = CryptoKey | KeyObject

export function accessTokens(keys: { privateKey: Key; publicKey: Key }, audience: string): AccessTokens {
  return {
    async mint({ login, thumbprint }, now) {
      const issued = Math.floor(now / 1000)
      const token = await new SignJWT({ cnf: { jkt: thumbprint } })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt' })
        .setSubject(login)
        .setIssuer(audience)
        .setAudience(audience)
        .setJti(newId('aud'))
        .setIssuedAt(issued)
        .setExpirationTime(issued + LIFE_SECONDS)
        .sign(keys.privateKey)
      return { token, expiresAt: (issued + LIFE_SECONDS) * 1000 }
    },
    async verify(token, now) {
      try {
        const { payload } = await jwtVerify<{ cnf?: { jkt?: unknown } }>(token, keys.publicKey, {
          typ: 'at+jwt',
          algorithms: ['EdDSA'],
          issuer: audience,
          audience,
          currentDate: new Date(now),
          requiredClaims: ['sub', 'exp', 'cnf'],
        })
        const thumbprint = payload.cnf?.jkt
        if (typeof thumbprint !== 'string') throw new PamError('TOKEN_INVALID', 'the access token is bound to no key')
        return { login: payload.sub as string, thumbprint }
      } catch (error) {
        if (error instanceof errors.JWTExpired) throw new PamError('TOKEN_EXPIRED', 'the access token has expired')
        if (error instanceof PamError) throw error
        throw new PamError('TOKEN_INVALID', 'the access token does not verify', { cause: error })
      }
    },
  }
}

const LIFE_SECONDS = 600
