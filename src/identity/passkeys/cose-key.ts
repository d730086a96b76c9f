import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { hasSmallOrder } from '../../shared/small-order.ts'
import { refuse } from './client-data.ts'

/** COSE algorithm identifiers (RFC 9053, RFC 8812) that passkeys may have: EdDSA, ES256, RS256. */
export const ALGORITHMS = [-8, -7, -257]

/**
 * Throws unless a COSE_Key is a whole key of one of these algorithms: its type, curve and lengths are those of the algorithm, it has no other
 * members, and its point is on the curve and has no small order. Whoever verifies a signature goes by `kty` or `alg`; here they cannot disagree.
 */
export function needSupportedKey(key: unknown): void {
  if (!(key instanceof Map)) return refuse('its public key is malformed')
  const jwk = jwkOf(key)
  if (jwk === undefined) return refuse('its public key is not of ES256, EdDSA or RS256')
  if (jwk.crv === 'Ed25519' && hasSmallOrder(Buffer.from(jwk.x ?? '', 'base64url')))
    return refuse('its public key has a small order')
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key: jwk, format: 'jwk' })
    if (jwk.kty === 'RSA' && (asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS)
      refuse('its RSA key is too short')
  } catch (error) {
    refuse('its public key is not usable', error)
  }
}

function jwkOf(key: ReadonlyMap<unknown, unknown>): JsonWebKey | undefined {
  const [kty, alg, first, second, third] = [1, 3, -1, -2, -3].map((label) => key.get(label))
  const isOf = (type: number, algorithm: number, members: number): boolean =>
    kty === type && alg === algorithm && key.size === members
  if (isOf(2, -7, 5) && first === 1 && isBytes(second, 32, 32) && isBytes(third, 32, 32))
    return { kty: 'EC', crv: 'P-256', x: base64(second), y: base64(third) }
  if (isOf(1, -8, 4) && first === 6 && isBytes(second, 32, 32)) return { kty: 'OKP', crv: 'Ed25519', x: base64(second) }
  if (isOf(3, -257, 4) && isBytes(first, 256, 1024) && isBytes(second, 3, 3) && EXPONENT.equals(second))
    return { kty: 'RSA', n: base64(first), e: base64(second) }
  return undefined
}

const isBytes = (value: unknown, least: number, most: number): value is Uint8Array =>
  value instanceof Uint8Array && value.length >= least && value.length <= most

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

const MIN_RSA_BITS = 2048
/** 65537, as authenticators have it: with 1, anything is its own signature. */
const EXPONENT = Buffer.from([1, 0, 1])
