import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JoinedOutput } from '../../src/gateway/joined-output.ts'

function output(isReady: (write: number) => boolean = () => true) {
  const writes: Buffer[] = []
  return { writes, output: new JoinedOutput({ write: (bytes) => isReady(writes.push(bytes as Buffer)) }) }
}

describe('output for a client', () => {
  it('contains every byte in order, however it is cut', () => {
    const memory = Buffer.from(Array.from({ length: 40_000 }, (_, index) => index % 251))
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(39_000), fc.integer({ min: 1, max: 20_000 }), fc.boolean())), (cuts) => {
        const { writes, output: joined } = output()
        const pieces = cuts.map(([start, length, isCopy]) => {
          const piece = memory.subarray(start, start + length)
          return isCopy ? Buffer.from(piece) : piece
        })
        for (const piece of pieces) joined.add(piece)
        expect(joined.flush()).toBe(true)
        expect(Buffer.concat(writes).equals(Buffer.concat(pieces))).toBe(true)
        expect(joined.flush()).toBe(true)
        expect(writes.length).toBeLessThanOrEqual(pieces.length)
      }),
    )
  })

  it('sends adjacent pieces of a buffer as one', () => {
    const memory = Buffer.alloc(60_000, 1)
    const { writes, output: joined } = output()
    for (let at = 0; at < memory.length; at += 1000) joined.add(memory.subarray(at, at + 1000))
    joined.flush()
    expect(writes.map((write) => [write.byteOffset - memory.byteOffset, write.length])).toEqual([[0, 60_000]])
    expect(writes[0]?.buffer).toBe(memory.buffer)
  })

  it('writes small pieces together, and does not copy large ones', () => {
    const { writes, output: joined } = output()
    joined.add(Buffer.from('a'))
    joined.add(Buffer.from('b'))
    joined.flush()
    expect(writes.map(String)).toEqual(['ab'])
    const pieces = [Buffer.alloc(10_000), Buffer.alloc(10_000)]
    for (const piece of pieces) joined.add(piece)
    joined.flush()
    expect(writes.slice(1)).toEqual(pieces)
    expect(writes.slice(1).every((write, index) => write === pieces[index])).toBe(true)
  })

  it('reports a full client where any of its writes did', () => {
    const { output: joined } = output((write) => write !== 1)
    joined.add(Buffer.alloc(10_000))
    joined.add(Buffer.alloc(10_000))
    expect(joined.flush()).toBe(false)
  })
})
