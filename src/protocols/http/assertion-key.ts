import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'

/** The key that the gateway signs assertions with, and what services verify them by. */
export interface AssertionKey {
  readonly privateKey: KeyObject
  readonly jwk: AssertionJwk
}

/** A public key as services are given it (RFC 8037, section 2); `kid` is its thumbprint (RFC 7638). */
export interface AssertionJwk {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly kid: string
  readonly use: 'sig'
  readonly alg: 'EdDSA'
}

/** A new key, in PEM. */
export const makeAssertionKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

/** Throws where it is no key that this gateway has made. */
export function assertionKeyOf(pem: string): AssertionKey {
  const privateKey = createPrivateKey(pem)
  const { kty, crv, x } = createPublicKey(privateKey).export({ format: 'jwk' })
  if (kty !== 'OKP' || crv !== 'Ed25519' || x === undefined) throw new Error('the key of assertions is not of Ed25519')
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url')
  return { privateKey, jwk: { kty, crv, x, kid, use: 'sig', alg: 'EdDSA' } }
}
