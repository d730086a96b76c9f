import { createHash } from 'node:crypto'
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

/**
 * A token comes with each connection of its holder: its signature is verified once, and what it says is kept until it expires.
 * Whether its login has ended is not asked here, but of the store, each time.
 */
export function accessTokens(keys: { privateKey: Key; publicKey: Key }, audience: string): AccessTokens {
  /** By digest: the memory holds no token that could be used. */
  const known = new Map<string, Verified>()
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
      const digest = createHash('sha256').update(token).digest('base64')
      const found = known.get(digest)
      if (found !== undefined) {
        // As jose has it: the second in which a token expires is not one of its life, and what was issued later is not yet valid.
        if (now < found.from || now >= found.until) known.delete(digest)
        else return found.claims
      }
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
        const claims = { login: payload.sub as string, thumbprint }
        if (known.size >= MAX_KNOWN) known.clear()
        known.set(digest, { claims, from: now, until: (payload.exp as number) * 1000 })
        return claims
      } catch (error) {
        if (error instanceof errors.JWTExpired) throw new PamError('TOKEN_EXPIRED', 'the access token has expired')
        if (error instanceof PamError) throw error
        throw new PamError('TOKEN_INVALID', 'the access token does not verify', { cause: error })
      }
    },
  }
}

interface Verified {
  readonly claims: AccessTokenClaims
  /** Milliseconds between which it needs no second look. */
  readonly from: number
  readonly until: number
}

const LIFE_SECONDS = 600
/** Tokens that are kept: only those that this gateway has signed. */
const MAX_KNOWN = 10_000
