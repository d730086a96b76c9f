import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ByteSearch } from '../../src/wire/byte-search.ts'
import { sampledRuns } from '../helpers/sampled.ts'

it('finds a byte wherever a chunk and a part of it begin', () => {
  const byte = fc.constantFrom(9, 8, 10, 0, 0x7f, 0x80, 0x89, 0xff)
  fc.assert(
    fc.property(
      fc.array(byte, { maxLength: 40 }),
      byte,
      fc.nat(7),
      fc.nat(40),
      fc.nat(40),
      (bytes, wanted, before, a, b) => {
        // A view into a larger memory, in which the byte stands on both sides.
        const memory = Buffer.alloc(before + bytes.length + 5, wanted)
        memory.set(bytes, before)
        const chunk = memory.subarray(before, before + bytes.length)
        const [from, to] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)]
        const found = new Int32Array(50)
        const end = new ByteSearch(chunk, wanted).offsetsAfter(from, to, found, 2)
        const expected = bytes.flatMap((one, at) => (one === wanted && at >= from && at < to ? [at + 1] : []))
        expect([...found.subarray(2, end)]).toEqual(expected)
      },
    ),
    { numRuns: sampledRuns(3000) },
  )
})
