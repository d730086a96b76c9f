import { describe, expect, it } from 'vitest'
import type { MaskedKind } from '../../../../src/masking/plan.ts'
import { EventStreamMasker } from '../../../../src/protocols/http/masking/event-stream-masker.ts'
import { FieldPlaces } from '../../../../src/protocols/http/masking/field-places.ts'
import { masking, STEP_BYTES } from '../../../../src/protocols/http/masking/masker.ts'
import { parsePointerPattern } from '../../../../src/shared/field-path.ts'

const EMAIL: MaskedKind = { kind: 'email', style: 'redact', hashScope: 'session' }
const KEYS = { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) }
const masker = (): EventStreamMasker => new EventStreamMasker({ kinds: [EMAIL], keys: KEYS }, undefined)

/** In one piece, and in every two. */
function masked(text: string, make = masker): string {
  const bytes = Buffer.from(text)
  const of = (...chunks: readonly Buffer[]): string => {
    const one = make()
    return Buffer.concat([...chunks.map((chunk) => one.mask(chunk)), one.end()]).toString()
  }
  const out = of(bytes)
  for (let at = 1; at < bytes.length; at++) expect(of(bytes.subarray(0, at), bytes.subarray(at))).toBe(out)
  expect(of(...[...bytes].map((byte) => Buffer.from([byte])))).toBe(out)
  return out
}

describe('events', () => {
  it.each([
    ['data: a@b.cd\n\n', 'data: ****\n\n'],
    ['data:a@b.cd\r\n\r\ndata: x\r\n\r\n', 'data: ****\r\n\r\ndata: x\r\n\r\n'],
    ['data: a@b.cd\r\rdata: x\r\r', 'data: ****\r\rdata: x\r\r'],
    ['data: a@b.cd\r\n\rdata: x\r\n\n', 'data: ****\r\n\rdata: x\r\n\n'],
    ['data: x\ndata: a@b.cd\ndata:y\n\n', 'data: x\ndata: ****\ndata: y\n\n'],
    ['id: 1\ndata: {"a":\nevent: e\ndata: "a@b.cd"}\n\n', 'id: 1\ndata: {"a":\ndata: "****"}\nevent: e\n\n'],
    ['data: {"a":"a\\u0040b.cd"}\n\n', 'data: {"a":"****"}\n\n'],
    ['data: [a@b.cd]\n\n', 'data: [****]\n\n'],
    ['data: x a%40b.cd\n\n', 'data: ****\n\n'],
    ['id: a@b.cd\n\n', 'id: ****\n\n'],
    ['event: a@b.cd\ndata\n\n', 'event: ****\ndata\n\n'],
    [': a@b.cd\n\n', ': ****\n\n'],
    ['a@b.cd\n\n', ': ****\n\n'],
    ['x-mail: a@b.cd\n\n', ': x-mail: ****\n\n'],
    ['data: a@b.cd', 'data: ****\n'],
    ['\uFEFFdata: a@b.cd\n\n', 'data: ****\n\n'],
    ['\n\n\r\n\rdata: x\n\n: ping\n\nretry: 1\n\n', '\n\n\r\n\rdata: x\n\n: ping\n\nretry: 1\n\n'],
  ])('hide values and nothing else: %j', (text, out) => {
    expect(masked(text)).toBe(out)
  })

  it('of whose data a field is masked show no data that cannot be read', () => {
    const pattern = parsePointerPattern('*:/a')
    if (pattern === undefined) throw new Error('no pointer')
    const root = FieldPlaces.of([{ name: 'a', ...pattern, style: 'redact', hashScope: 'session' }])
    const make = (): EventStreamMasker => new EventStreamMasker({ kinds: [], keys: KEYS }, root)
    expect(masked('data: {"a":"x","b":1}\n\ndata: x\n\ndata: {"a":\n\ndata\n\n: x\n\n', make)).toBe(
      'data: {"a":"****","b":1}\n\ndata: ****\n\ndata: ****\n\ndata\n\n: x\n\n',
    )
  })

  it('that are too long, or are not UTF-8, end the answer', () => {
    const chunk = Buffer.alloc(64 * 1024, 'a')
    const long = masker()
    expect(() => {
      for (let count = 0; count < 100; count++) long.mask(chunk)
    }).toThrow(/an event of the answer is longer/)
    const many = masker()
    expect(() => many.mask(Buffer.from('data: x\n'.repeat(20_000)))).toThrow(/more than 16384 lines/)
    expect(() => masker().mask(Buffer.from('data: \xff\n\n', 'latin1'))).toThrow(/not UTF-8/)
  })

  it('go on for as long as they like', () => {
    const one = masker()
    const event = Buffer.from(`data: ${'x'.repeat(1000)}\n\n`)
    let bytes = 0
    for (let count = 0; count < 10_000; count++) bytes += one.mask(event).length
    expect(bytes).toBe(10_000 * event.length)
  })
})

it('masks a long event in steps', () => {
  const work = masking(masker(), Buffer.from(`data: [${'"jane@example.com",'.repeat(20_000)}1]\n\n`))
  let steps = 0
  let step = work.next()
  for (; step.done !== true; step = work.next()) steps++
  expect(step.value.toString()).toBe(`data: [${'"****",'.repeat(20_000)}1]\n\n`)
  // Those in which it comes, and as many in which it is masked.
  expect(steps).toBeGreaterThan((1.9 * 380_000) / STEP_BYTES)
})
