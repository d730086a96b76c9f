import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Framer, type Frame } from '../../../../src/protocols/postgres/wire/framer.ts'
import { WireError } from '../../../../src/wire/wire-error.ts'

const message = fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 300 })).map(([tag, body]) => {
  const bytes = Buffer.alloc(5 + body.length)
  bytes[0] = tag
  bytes.writeUInt32BE(4 + body.length, 1)
  bytes.set(body, 5)
  return bytes
})

const nobody = (): never => {
  throw new Error('a message')
}

describe('Framer', () => {
  it('gives the same messages however the stream is split', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 60 }),
        (messages, sizes) => {
          const stream = Buffer.concat(messages)
          const framer = new Framer(10_000, 'test')
          const out: Buffer[] = []
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = sizes[i % sizes.length] as number
            framer.push(Buffer.from(stream.subarray(at, at + size)), ({ bytes }) => {
              out.push(Buffer.from(bytes))
            })
            at += size
          }
          expect(Buffer.concat(out).equals(stream)).toBe(true)
          expect(out.length).toBe(messages.length)
          expect(framer.held).toBe(0)
        },
      ),
    )
  })

  it('refuses a length above the limit at the header, before it buffers', () => {
    const framer = new Framer(1000, 'test')
    expect(() => framer.push(Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff]), nobody)).toThrow(WireError)
  })

  it('refuses a length that does not count itself', () => {
    expect(() => new Framer(1000, 'test').push(Buffer.from([0x51, 0, 0, 0, 3]), nobody)).toThrow(WireError)
  })

  it('hands over nothing more once nothing more is wanted, not even what was held before', () => {
    const stream = Buffer.from([0x31, 0, 0, 0, 4, 0x32, 0, 0, 0, 4, 0x33, 0, 0, 0, 4])
    for (let cut = 1; cut < stream.length; cut++) {
      const framer = new Framer(1000, 'test')
      const seen: number[] = []
      const take = ({ tag }: Frame): boolean => seen.push(tag) < 2
      framer.push(stream.subarray(0, cut), take)
      if (seen.length < 2) framer.push(stream.subarray(cut), take)
      expect(seen).toEqual([0x31, 0x32])
    }
  })

  it('never throws anything but WireError', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }), (chunks) => {
        const framer = new Framer(100, 'test')
        try {
          for (const chunk of chunks) framer.push(Buffer.from(chunk), () => {})
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
    )
  })

  it('a message above the limit comes in pieces where its tag may, and all else as it was', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(5000), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1 }),
        (sizes, cuts) => {
          const stream = Buffer.concat(
            sizes.map((size, index) => {
              const frame = Buffer.alloc(5 + size, index + 1)
              frame[0] = 0x64
              frame.writeUInt32BE(4 + size, 1)
              return frame
            }),
          )
          const framer = new Framer(2000, 'test', new Set([0x64]))
          const frames: { piece: string | undefined; bytes: Buffer }[] = []
          for (let at = 0, cut = 0; at < stream.length; cut++) {
            const end = at + (cuts[cut % cuts.length] as number)
            framer.push(stream.subarray(at, end), ({ piece, bytes }) => {
              frames.push({ piece, bytes: Buffer.from(bytes) })
            })
            at = end
          }
          expect(Buffer.concat(frames.map(({ bytes }) => bytes)).equals(stream)).toBe(true)
          expect(frames.filter(({ piece }) => piece !== 'later')).toHaveLength(sizes.length)
          expect(frames.filter(({ piece }) => piece === 'first')).toHaveLength(
            sizes.filter((size) => size + 5 > 2000).length,
          )
        },
      ),
    )
    expect(() => new Framer(2000, 'test', new Set([0x64])).push(Buffer.from([0x51, 0, 1, 0, 0]), nobody)).toThrow(
      WireError,
    )
    expect(() => new Framer(2000, 'test', new Set([0x64])).push(Buffer.from([0x64, 0x7f, 1, 0, 0]), nobody)).toThrow(
      WireError,
    )
  })
})
