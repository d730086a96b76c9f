import { expect, it } from 'vitest'
import { HeldBytes } from '../../src/wire/held-bytes.ts'

it('gives what it was given, in order, and begins anew', () => {
  const held = new HeldBytes()
  for (const round of [1, 2]) {
    const chunk = Buffer.of(round)
    held.add(chunk)
    chunk[0] = 9
    held.add(Buffer.alloc(0))
    for (let n = 2; n < 300; n++) held.add(Buffer.of(n & 0xff))
    expect(held.length).toBe(299)
    const all = held.take(Buffer.of(7, 8))
    expect(all).toEqual(Buffer.from([round, ...Array.from({ length: 298 }, (_, n) => (n + 2) & 0xff), 7, 8]))
    expect(held.length).toBe(0)
  }
})

it('takes no more than some memory for what comes byte by byte', () => {
  const held = new HeldBytes()
  for (let n = 0; n < 1_000_000; n++) held.add(Buffer.of(1))
  // One piece, of at most twice the length.
  expect(held.take(Buffer.alloc(0)).buffer.byteLength).toBeLessThanOrEqual(2_000_000)
})
