import { createHash } from 'node:crypto'
import { calculateJwkThumbprint, decodeProtectedHeader, importJWK, jwtVerify, type JWK } from 'jose'
import { PamError } from '../shared/errors.ts'
import { hasSmallOrder } from '../shared/small-order.ts'

/** What a proof of possession must be about (DPoP, RFC 9449 section 4.3). */
export interface ProofSubject {
  readonly method: string
  /** The full URL of the request; query and fragment are not part of the proof. */
  readonly url: string
  /** The access token that the request carries; absent at the token endpoint. */
  readonly accessToken?: string | undefined
  readonly now: number
}

export interface ProofVerifier {
  /** Checks a proof once; resolves to the RFC 7638 thumbprint of the key that made it. */
  verify(proof: string | undefined, subject: ProofSubject): Promise<string>
}

/** Keeps used proofs for the process that starts next. */
export interface UsedProofs {
  /** Those that earlier processes kept, oldest first: until when each would be taken (milliseconds), by its digest in base64url. */
  readonly earlier: ReadonlyMap<string, number>
  /** Throws where that fails; the proof is refused then. */
  keep(digest: Uint8Array, until: number): void
}

/**
 * Proofs are accepted once, also by the process that starts next. Those that were made before this one started are refused besides: after a loss of
 * power the last that were used may not be known. A client whose clock is ahead makes proofs that only the memory of them keeps from being used again.
 */
export function proofVerifier(startedAt: number, used: UsedProofs): ProofVerifier {
  const seen = new Map(used.earlier)
  const keyOf = keysOnce()
  return {
    async verify(proof, subject) {
      if (proof === undefined) throw invalid('the request has no proof of possession (DPoP header)')
      const { thumbprint, payload } = await verifySignature(proof, subject.now, keyOf)
      if (payload['htm'] !== subject.method) throw invalid('the proof is for another method')
      const url = normalUrl(subject.url)
      if (url === undefined || typeof payload['htu'] !== 'string' || normalUrl(payload['htu']) !== url)
        throw invalid(
          url === undefined ? 'the request has no URL to prove' : `the proof is for another URL than ${url}`,
        )
      if (subject.accessToken !== undefined && payload['ath'] !== tokenHash(subject.accessToken)) {
        throw invalid('the proof is for another access token')
      }
      const issuedAt = typeof payload.iat === 'number' ? payload.iat * 1000 : 0
      if (Math.abs(subject.now - issuedAt) > PROOF_LIFE || issuedAt < startedAt - 1000) {
        throw invalid('the proof is stale, or the clock of this machine is wrong')
      }
      const digest = createHash('sha256')
        .update(`${thumbprint} ${String(payload.jti)}`)
        .digest()
      remember(seen, digest, subject.now, used)
      return thumbprint
    },
  }
}

/** The `ath` of a proof: base64url of the token's SHA-256. */
const tokenHash = (accessToken: string): string => createHash('sha256').update(accessToken).digest('base64url')

async function verifySignature(proof: string, now: number, keyOf: ReturnType<typeof keysOnce>) {
  try {
    const header = decodeProtectedHeader(proof)
    const jwk = header['jwk']
    if (jwk === undefined || 'd' in jwk || 'k' in jwk) throw new Error('no public key in the header')
    // Whoever sees the token could sign for it.
    if (jwk.crv === 'Ed25519' && hasSmallOrder(Buffer.from(String(jwk.x), 'base64url')))
      throw new Error('a small order')
    const { key, thumbprint } = await keyOf(jwk, header.alg)
    const { payload } = await jwtVerify(proof, key, {
      typ: 'dpop+jwt',
      algorithms: ['ES256', 'EdDSA'],
      requiredClaims: ['jti', 'iat', 'htm', 'htu'],
      currentDate: new Date(now),
      clockTolerance: PROOF_LIFE / 1000,
    })
    if (typeof payload.jti !== 'string' || payload.jti.length < 16 || payload.jti.length > 128) throw new Error('jti')
    return { thumbprint, payload }
  } catch (error) {
    throw invalid('the proof of possession does not verify', error)
  }
}

/** Every connection of a person comes with a proof by the same key: it is read once. */
function keysOnce() {
  const known = new Map<string, { key: Awaited<ReturnType<typeof importJWK>>; thumbprint: string }>()
  return async (jwk: JWK, algorithm: string | undefined) => {
    const name = JSON.stringify([algorithm, jwk])
    const found = known.get(name)
    if (found !== undefined) return found
    const made = { key: await importJWK(jwk, algorithm), thumbprint: await calculateJwkThumbprint(jwk) }
    if (name.length > MAX_KEY_LENGTH) return made
    if (known.size >= MAX_KEYS) known.clear()
    known.set(name, made)
    return made
  }
}

function remember(seen: Map<string, number>, digest: Buffer, now: number, used: UsedProofs): void {
  // Insertion order is time order: the oldest are dropped once they would be refused as stale anyway.
  for (const [old, until] of seen) {
    if (until > now && seen.size < MAX_REMEMBERED) break
    if (until > now) throw new PamError('RATE_LIMITED', 'too many proofs in a short time', { side: 'gateway' })
    seen.delete(old)
  }
  const key = digest.toString('base64url')
  if (seen.has(key)) throw new PamError('PROOF_REPLAYED', 'the proof of possession was used before')
  const until = now + PROOF_MEMORY_MS
  used.keep(digest, until)
  seen.set(key, until)
}

function normalUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  const path = url.protocol === 'ws:' || url.protocol === 'wss:' ? url.href.replace(/^ws/, 'http') : url.href
  return path.replace(/[?#].*$/, '')
}

const invalid = (message: string, cause?: unknown): PamError => new PamError('PROOF_INVALID', message, { cause })

/** Milliseconds that a proof may be away from our clock. */
const PROOF_LIFE = 60_000
/** Milliseconds after its use in which a proof could be taken again: one made by a clock that is ahead is taken for twice its life. */
export const PROOF_MEMORY_MS = 2 * PROOF_LIFE
const MAX_REMEMBERED = 200_000
/** Keys that are kept, and characters of the longest that is: anybody may send one. */
const MAX_KEYS = 10_000
const MAX_KEY_LENGTH = 1000
