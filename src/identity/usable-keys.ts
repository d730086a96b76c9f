import { KeyObject } from 'node:crypto'
import { errors, type createRemoteJWKSet } from 'jose'
import { hasSmallOrder } from '../shared/small-order.ts'

type Keys = (
  ...asked: Parameters<ReturnType<typeof createRemoteJWKSet>>
) => ReturnType<ReturnType<typeof createRemoteJWKSet>>

/** Keys of an issuer without those that anybody could sign for. */
export const usableKeys =
  (keys: Keys): Keys =>
  async (header, token) => {
    const key = await keys(header, token)
    if (key.algorithm.name !== 'Ed25519') return key
    const { x } = KeyObject.from(key).export({ format: 'jwk' })
    if (hasSmallOrder(Buffer.from(x ?? '', 'base64url'))) throw new errors.JWKSNoMatchingKey()
    return key
  }
