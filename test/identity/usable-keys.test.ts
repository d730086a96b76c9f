import { generateKeyPairSync } from 'node:crypto'
import { createLocalJWKSet, errors, type JWK } from 'jose'
import { expect, it } from 'vitest'
import { usableKeys } from '../../src/identity/usable-keys.ts'
import { SMALL_ORDER_KEYS } from '../helpers/small-order-keys.ts'

const keyFrom = (jwk: JWK, alg: string) => {
  const jwks = createLocalJWKSet({ keys: [{ ...jwk, kid: 'k' }] })
  return usableKeys((header, token) => jwks(header, token))({ alg, kid: 'k' }, { payload: '', signature: '' })
}

it('keys of issuers are not of small order: anybody could sign for them', async () => {
  for (const key of SMALL_ORDER_KEYS)
    await expect(keyFrom({ kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') }, 'EdDSA')).rejects.toThrow(
      errors.JWKSNoMatchingKey,
    )
})

it('others are taken, of each type', async () => {
  const pairs = [
    [generateKeyPairSync('ed25519'), 'EdDSA'],
    [generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ES256'],
    [generateKeyPairSync('rsa', { modulusLength: 2048 }), 'RS256'],
  ] as const
  for (const [{ publicKey }, algorithm] of pairs)
    expect((await keyFrom(publicKey.export({ format: 'jwk' }) as JWK, algorithm)).type).toBe('public')
})
