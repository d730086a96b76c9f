/** Every encoding of a point of Ed25519 whose order is 8 or less, also those that are not reduced; the neutral element first. */
export const SMALL_ORDER_KEYS: readonly Buffer[] = [
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  '00'.repeat(32),
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
].flatMap((hex) => {
  const key = Buffer.from(hex, 'hex')
  const negative = Buffer.from(key)
  negative[31] = (key[31] ?? 0) | 0x80
  return [key, negative]
})
