import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { hasSmallOrder } from '../../src/shared/small-order.ts'
import { SMALL_ORDER_KEYS } from '../helpers/small-order-keys.ts'

const P = (1n << 255n) - 19n
const D = (-121_665n * power(121_666n, P - 2n)) % P
function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let left = exponent, square = base % P; left > 0n; left >>= 1n, square = (square * square) % P)
    if ((left & 1n) === 1n) result = (result * square) % P
  return result
}
const positive = (value: bigint): bigint => ((value % P) + P) % P

/** A point of the curve with this y, in affine coordinates (RFC 8032, section 5.1.3); undefined where there is none. */
function pointOf(y: bigint): readonly [bigint, bigint] | undefined {
  const square = positive((y * y - 1n) * power(positive(D * y * y + 1n), P - 2n))
  const candidate = power(square, (P + 3n) / 8n)
  const roots = [candidate, (candidate * power(2n, (P - 1n) / 4n)) % P]
  const x = roots.find((root) => (root * root) % P === square)
  return x === undefined ? undefined : [x, y]
}
/** Twice a point, by the complete law of addition of the curve. */
function double([x, y]: readonly [bigint, bigint]): readonly [bigint, bigint] {
  const product = positive(D * x * x * y * y)
  return [
    positive(2n * x * y * power(positive(1n + product), P - 2n)),
    positive((y * y + x * x) * power(positive(1n - product), P - 2n)),
  ]
}
const valueOf = (key: Buffer): bigint =>
  (BigInt(`0x${Buffer.from(key.toReversed()).toString('hex')}`) & ((1n << 255n) - 1n)) % P

describe('public keys of Ed25519 of small order', () => {
  it.each(SMALL_ORDER_KEYS.map((key) => [key.toString('hex'), key] as const))('%s', (_, key) => {
    expect(hasSmallOrder(key)).toBe(true)
    // Three doublings lead to the neutral element, so that the table itself is right.
    const point = pointOf(valueOf(key))
    if (point === undefined) throw new Error('no point of the curve')
    expect(double(double(double(point)))).toEqual([0n, 1n])
  })

  it('are all there are: five values of y', () => {
    expect(new Set(SMALL_ORDER_KEYS.map((key) => valueOf(key))).size).toBe(5)
  })

  it('would make one signature good for everything', () => {
    const [neutral = Buffer.alloc(0)] = SMALL_ORDER_KEYS
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: neutral.toString('base64url') },
      format: 'jwk',
    })
    const signature = Buffer.concat([neutral, Buffer.alloc(32)])
    expect(['one', 'another'].map((text) => verify(null, Buffer.from(text), key, signature))).toEqual([true, true])
  })

  it('are not those that are made', () => {
    for (let count = 0; count < 20; count++) {
      const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
      expect(hasSmallOrder(Buffer.from(x ?? '', 'base64url'))).toBe(false)
    }
    expect(hasSmallOrder(Buffer.alloc(31))).toBe(false)
  })
})
