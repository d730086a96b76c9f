import { createHash, randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from 'jose'

/** Makes proofs of possession (DPoP, RFC 9449) with a key that stays here. */
export interface Prover {
  /** The private key, for the secret store only. */
  readonly privateJwk: JWK
  prove(method: string, url: string, accessToken?: string): Promise<string>
}

export async function createProver(stored?: JWK): Promise<Prover> {
  const privateJwk = stored ?? (await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey))
  const key = await importJWK(privateJwk, 'ES256')
  const { kty, crv, x, y } = privateJwk
  const publicJwk = { kty, crv, x, y } as JWK
  return {
    privateJwk,
    prove(method, url, accessToken) {
      const ath = accessToken === undefined ? {} : { ath: createHash('sha256').update(accessToken).digest('base64url') }
      return new SignJWT({ htm: method, htu: url.replace(/[?#].*$/, ''), jti: randomUUID(), ...ath })
        .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: publicJwk })
        .setIssuedAt()
        .sign(key)
    },
  }
}
