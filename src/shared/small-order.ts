/**
 * Whether the point that an Ed25519 public key encodes has an order of 8 or less (RFC 8032, section 5.1.3 has the encoding). Signatures of such a key
 * are no proof: for the neutral element one signature is good for every message, and Node's crypto module accepts it. Of the curve's points eight
 * have such an order, with five values of y between them; encodings that are not reduced, and the sign of x, make no difference.
 *
 * `publicKey`: 32 bytes, as in a JWK's `x`, COSE or SSH. Of another length it is no key, and not for this function to refuse.
 */
export function hasSmallOrder(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32) return false
  const bigEndian = Buffer.from(publicKey.toReversed()).toString('hex')
  const y = BigInt(`0x${bigEndian}`) & ((1n << 255n) - 1n)
  return SMALL_ORDER.has(y % P)
}

/** The field's prime (RFC 8032, section 5.1). */
const P = (1n << 255n) - 19n
/** y of one point of order 8; the other is its negative. */
const Y8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n
/** y of the points of order 1, 2, 4 and 8. */
const SMALL_ORDER: ReadonlySet<bigint> = new Set([1n, P - 1n, 0n, Y8, P - Y8])
