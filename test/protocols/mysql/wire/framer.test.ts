import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  encodePackets,
  Framer,
  MAX_PACKET,
  payloadOf,
  sequenceAfter,
  type Frame,
} from '../../../../src/protocols/mysql/wire/framer.ts'
import { WireError } from '../../../../src/wire/wire-error.ts'

const collect = (framer: Framer, chunks: readonly Buffer[]): Frame[] => {
  const frames: Frame[] = []
  for (const chunk of chunks)
    framer.push(chunk, (frame) => void frames.push({ ...frame, bytes: Buffer.from(frame.bytes) }))
  return frames
}

/** Cuts bytes at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b)
  return [...sorted, bytes.length].map((end, index) => bytes.subarray(sorted[index - 1] ?? 0, end))
}

describe('Framer', () => {
  it('gives the payloads that were written, wherever the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.nat(255)), { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        (payloads, places) => {
          const stream = Buffer.concat(payloads.map(([payload, sequence]) => encodePackets(payload, sequence)))
          const frames = collect(new Framer(1000, 'x'), cut(stream, places))
          expect(frames.map((frame) => [...payloadOf(frame)])).toEqual(payloads.map(([payload]) => [...payload]))
          expect(frames.map(({ sequence }) => sequence)).toEqual(payloads.map(([, sequence]) => sequence))
          expect(frames.map(({ next }) => next)).toEqual(payloads.map(([, sequence]) => (sequence + 1) & 0xff))
          expect(frames.map(({ head }) => head)).toEqual(payloads.map(([payload]) => payload[0]))
        },
      ),
    )
  })

  it('what comes in pieces is the same bytes, with its beginning and end known', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (payloads, places) => {
          const stream = Buffer.concat(payloads.map((payload) => encodePackets(payload, 1)))
          const framer = new Framer(10, 'x')
          framer.streamsFrom = 10
          const frames = collect(framer, cut(stream, places))
          expect(Buffer.concat(frames.map(({ bytes }) => bytes)).equals(stream)).toBe(true)
          expect(frames.filter(({ isEnd }) => isEnd)).toHaveLength(payloads.length)
          const begun = frames.filter(({ piece }) => piece !== 'later')
          expect(begun.map(({ head }) => head)).toEqual(payloads.map(([first]) => first))
          expect(framer.isBetween).toBe(true)
        },
      ),
    )
  })

  it('joins a chain of packets, also one that ends with an empty packet', () => {
    for (const length of [MAX_PACKET, MAX_PACKET + 5]) {
      const payload = Buffer.alloc(length, 'x')
      const bytes = encodePackets(payload, 254)
      expect(bytes).toHaveLength(length + 8)
      const [frame] = collect(new Framer(32 * 1024 * 1024, 'x'), [bytes.subarray(0, 5000), bytes.subarray(5000)])
      expect(frame).toMatchObject({ length, sequence: 254, next: 0, isEnd: true })
      expect(payloadOf(frame as Frame).equals(payload)).toBe(true)
      expect(sequenceAfter(length, 254)).toBe(0)
    }
  })

  it('a chain in pieces ends where its last packet does', () => {
    const bytes = encodePackets(Buffer.alloc(MAX_PACKET * 2, 'x'), 0)
    const framer = new Framer(1000, 'x')
    framer.streamsFrom = 1000
    const chunks = cut(bytes, [1, 4, 5, 100_000, MAX_PACKET + 3, MAX_PACKET + 4, MAX_PACKET + 5, MAX_PACKET + 9])
    const frames = collect(framer, [...chunks, encodePackets(Buffer.of(7), 0)])
    expect(frames.filter(({ isEnd }) => isEnd)).toHaveLength(2)
    expect(frames.at(-1)).toMatchObject({ head: 7, length: 1, isEnd: true })
    expect(framer.isBetween).toBe(true)
  })

  it('refuses what is too long, and a chain whose sequence ids do not go on', () => {
    expect(() => collect(new Framer(10, 'x'), [encodePackets(Buffer.alloc(11), 0)])).toThrow(
      expect.objectContaining({ kind: 'too-large' }),
    )
    const bytes = encodePackets(Buffer.alloc(MAX_PACKET + 1), 0)
    bytes[MAX_PACKET + 7] = 5
    expect(() => collect(new Framer(32 * 1024 * 1024, 'x'), [bytes])).toThrow('sequence id 5, where 1 was due')
    const framer = new Framer(10, 'x')
    framer.streamsFrom = 10
    expect(() => collect(framer, [bytes.subarray(0, 999), bytes.subarray(999)])).toThrow(WireError)
  })

  it('hands over nothing more once nothing more is wanted', () => {
    const stream = Buffer.concat([encodePackets(Buffer.of(1), 0), encodePackets(Buffer.of(2), 0)])
    const frames: Frame[] = []
    new Framer(10, 'x').push(stream, (frame) => {
      frames.push(frame)
      return false
    })
    expect(frames).toHaveLength(1)
  })
})
