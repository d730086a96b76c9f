import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CommandEvent, EventBody, ResultEvent } from '../../src/recording/event.ts'
import { OpenSegment } from '../../src/recording/open-segment.ts'
import { CompactReader, type ReadEvent } from '../../src/recording/read-compact.ts'
import { byte, item, json, long, time, uint16, uint32, uint48 } from '../helpers/compact-events.ts'
import { command } from '../helpers/recordings.ts'
import { sampledRuns } from '../helpers/sampled.ts'

const read = (bytes: Buffer, first = 0): ReadEvent[] => [...new CompactReader(first).read(bytes)]
/** As JSON has it: what is undefined is not there. */
const plain = (event: unknown): unknown => JSON.parse(JSON.stringify(event))

const text = fc.string({ unit: 'binary', maxLength: 20 })
const id = fc.oneof(fc.stringMatching(/^dec_[0-9a-hjkmnp-tv-z]{13}$/), text)
const digest = fc.oneof(fc.stringMatching(/^[0-9a-f]{64}$/), fc.stringMatching(/^[0-9A-F]{64}$/), text)
const names = fc.array(text, { maxLength: 3 })
const perhaps = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })
/** Every field that the type has must stand here. */
type Fields<Event> = { [Name in keyof Required<Event>]: fc.Arbitrary<Event[Name]> }

/** What texts do: one object for each, as the gateway has it. */
const SAME = ['select 1', 'select 2', 'ü ‹U+2039› \u0000'].map((same) => ({
  text: same,
  kinds: ['select'],
  reads: ['public.t'],
  writes: [] as string[],
}))
const varying: Fields<Pick<CommandEvent, 'id' | 'digest' | 'parameters'>> = {
  id,
  digest,
  parameters: perhaps(fc.array(fc.option(text), { maxLength: 3 })),
}
const commandFields: Fields<CommandEvent> = {
  type: fc.constant('command'),
  verdict: fc.constantFrom('allow', 'deny', 'hold'),
  rule: perhaps(text),
  code: perhaps(text),
  message: perhaps(text),
  text,
  apart: perhaps(fc.record({ id: text, sha256: text })),
  kinds: names,
  reads: names,
  writes: names,
  unknown: perhaps(names),
  operations: perhaps(names),
  ...varying,
}
const resultFields: Fields<ResultEvent> = {
  type: fc.constant('result'),
  command: id,
  tag: perhaps(text),
  rows: fc.oneof(fc.nat(), fc.maxSafeNat()),
  bytes: fc.oneof(fc.nat(), fc.maxSafeNat()),
  durationMs: fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e6, noNaN: true })),
  error: perhaps(text),
}
/** A session: commands that come again, some with a field changed, others, and what came of them. */
const session = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constant('again' as const), fc.constantFrom(...SAME), fc.record(varying)) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constant('again' as const), fc.constantFrom(...SAME), fc.record(commandFields)),
    },
    { weight: 1, arbitrary: fc.tuple(fc.constant('other' as const), fc.record(commandFields), fc.constant({})) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('other' as const), fc.record(resultFields), fc.constant({})) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('result' as const), fc.record(resultFields), fc.nat(20)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('data' as const), fc.uint8Array({ maxLength: 40 }), fc.constant({})) },
  ),
  { maxLength: 60 },
)

describe('compact events', () => {
  it('come back as they were, whatever is in them and wherever they are cut', () => {
    fc.assert(
      fc.property(session, fc.nat(1000), fc.integer({ min: 1, max: 7 }), (events, first, every) => {
        const open = new OpenSegment(first, 16)
        const said: { event: unknown; data: Buffer | undefined }[] = []
        const turns: Buffer[] = []
        const ids: string[] = []
        for (const [n, [kind, one, two]] of events.entries()) {
          let data: Buffer | undefined
          let body: EventBody
          if (kind === 'data') {
            data = Buffer.from(one)
            body = { type: 'terminal', channel: 'c', direction: 'out' }
          } else if (kind === 'result') body = { ...one, command: ids[ids.length - 1 - two] ?? one.command }
          else if (kind === 'again')
            body = { ...command(one.text), ...one, ...(two as Partial<CommandEvent>), kinds: one.kinds }
          else body = one
          if (body.type === 'command') ids.push(body.id)
          const wall = open.add(body, data, 1_780_000_000_000 + n * (n % 5), n)
          const at = new Date(wall).toISOString()
          said.push({ event: plain({ seq: first + n, at, ms: n, ...body }), data })
          if (n % every === 0) turns.push(Buffer.from(open.take()?.bytes ?? ''))
        }
        turns.push(Buffer.from(open.take()?.bytes ?? ''))
        const found = read(open.bytes, first)
        expect(found.map(({ event, data }) => ({ event: plain(event), data }))).toEqual(said)
        // As the journal has them, and as they are sealed.
        expect(Buffer.concat(turns)).toEqual(open.bytes)
        const blocks = open.blocks()
        expect(Buffer.concat(blocks.map(({ bytes }) => bytes))).toEqual(open.bytes)
        const reader = new CompactReader(first)
        for (const block of blocks) expect([...reader.read(block.bytes)]).toHaveLength(block.events)
      }),
      { numRuns: sampledRuns(500) },
    )
  })

  it('of one text: the second says what they have in common, and all others only what is theirs', () => {
    const open = new OpenSegment(0)
    const [same] = SAME as [(typeof SAME)[0]]
    const sizes: number[] = []
    for (let n = 0; n < 5; n++) {
      const before = open.length
      const decision = `dec_000000000000${n}`
      open.add({ ...command(''), ...same, id: decision, digest: 'ab'.repeat(32), parameters: ['42'] }, undefined, 0, 0)
      open.add(
        { type: 'result', command: decision, tag: 'SELECT 1', rows: 1, bytes: 30, durationMs: 1 },
        undefined,
        0,
        0,
      )
      sizes.push(open.length - before)
    }
    const [first = 0, second = 0, ...rest] = sizes
    expect(first).toBeGreaterThan(150)
    expect(second).toBeGreaterThan(150)
    expect(new Set(rest)).toEqual(new Set([91]))
    // A list that is the same to look at, and another object, is no reason to believe that the rest is.
    const before = open.length
    open.add(
      { ...command(''), ...same, text: 'drop table t', id: 'dec_0000000000009', digest: 'ab'.repeat(32) },
      undefined,
      0,
      0,
    )
    expect(open.length - before).toBeGreaterThan(150)
    expect(read(open.bytes).at(-1)?.event).toMatchObject({ text: 'drop table t' })
  })

  it('of texts that do the same and differ in constants, the one that comes again is described', () => {
    const open = new OpenSegment(0)
    const [same] = SAME as [(typeof SAME)[0]]
    const add = (text: string, n: number): number => {
      const before = open.length
      open.add({ ...command(''), ...same, text, id: `dec_000000000000${n}`, digest: 'ab'.repeat(32) }, undefined, 0, 0)
      return open.length - before
    }
    const sizes = ['select 7', 'select 8', 'select $1', 'select $1', 'select $1', 'select 9'].map(add)
    expect(sizes[4]).toBeLessThan(60)
    for (const size of sizes.toSpliced(4, 1)) expect(size).toBeGreaterThan(100)
    const texts = read(open.bytes).map(({ event }) => (event.type === 'command' ? event.text : ''))
    expect(texts).toEqual(['select 7', 'select 8', 'select $1', 'select $1', 'select $1', 'select 9'])
  })

  it('a clock that is set is told from one that goes on', () => {
    const open = new OpenSegment(0)
    const notice = { type: 'notice', message: '' } as const
    const times: [number, number][] = [
      [1_780_000_000_000, 5],
      [1_780_000_000_100, 105],
      [1_700_000_000_000, 200],
      [1_700_000_000_011, 211],
      [1_700_000_000_011 + 2 ** 33, 211 + 2 ** 33],
    ]
    for (const [wall, ms] of times) open.add(notice, undefined, wall, ms)
    expect(read(open.bytes).map(({ event: { at, ms } }) => [Date.parse(at), ms])).toEqual(times)
  })

  const template = { verdict: 'allow', text: 'select 1', kinds: ['select'], reads: [], writes: [] }
  const said = (value: object | string): Buffer =>
    item(byte(0x02), long(typeof value === 'string' ? value : JSON.stringify(value)))
  const use = (number: number, ...values: Buffer[]): Buffer =>
    item(
      item(byte(0x12), uint32(0), uint16(number)),
      '0000000000001',
      Buffer.alloc(32),
      uint16(values.length),
      ...values,
    )
  const resultOf = (back: number, tail = item(byte(0xff), byte(0xff))): Buffer =>
    item(byte(0x13), uint32(0), uint32(back), uint32(0), uint32(0), uint32(0), tail)
  const notice = json({ type: 'notice', message: '' })
  const NULL = item(uint32(0xffff_ffff))

  it('genuine items, as the refused ones below are made of', () => {
    const bytes = item(
      time(),
      said(template),
      use(0, long('x'), NULL),
      resultOf(1, item(byte(1), 'T', byte(0xff))),
      notice,
    )
    expect(read(bytes).map(({ event }) => event.type)).toEqual(['command', 'result', 'notice'])
    expect(read(bytes)[0]?.event).toMatchObject({ parameters: ['x', null] })
  })

  it.each<[string, Buffer, RegExp]>([
    ['an unknown kind', item(time(), byte(0x14)), /unknown kind 20/],
    ['kind 0', item(time(), byte(0)), /unknown kind 0/],
    ['no time before the first event', notice, /no time/],
    ['a time behind the year 9999', item(time(2 ** 48 - 1), notice), /an invalid time/],
    [
      'a time that gets there',
      item(byte(1), uint48(253_402_300_799_999), uint48(0), json({ type: 'notice' }, 1)),
      /time/,
    ],
    ['a template that was not said', item(time(), use(0)), /was not described/],
    ['the next template', item(time(), said(template), use(1)), /was not described/],
    ['a template behind the command', item(time(), use(0), said(template)), /was not described/],
    ['a template that no event follows', item(time(), notice, said(template)), /ends behind its block/],
    ['a time that no event follows', item(time(), notice, time()), /ends behind its block/],
    ['a template with an id', item(time(), said({ ...template, id: 'dec_1' })), /describes no command/],
    ['a template with parameters', item(time(), said({ ...template, parameters: [] })), /describes no command/],
    ['a template with another type', item(time(), said({ type: 'notice', ...template })), /describes no command/],
    ['a template with a place', item(time(), said({ ...template, seq: 0 })), /describes no command/],
    ['a template with a detached text', item(time(), said({ ...template, apart: {} })), /describes no command/],
    ['a template in another order', item(time(), said({ text: 't', verdict: 'allow' })), /describes no command/],
    ['a template without a list', item(time(), said({ ...template, writes: undefined })), /describes no command/],
    ['a template with a list of numbers', item(time(), said({ ...template, writes: [1] })), /describes no command/],
    [
      'a template with an unknown verdict',
      item(time(), said({ ...template, verdict: 'fine' })),
      /describes no command/,
    ],
    ['a template that is a list', item(time(), said('[]')), /not an object/],
    ['a template that is null', item(time(), said('null')), /not an object/],
    [
      'a field twice',
      item(time(), said(`{"verdict":"deny",${JSON.stringify(template).slice(1)}`)),
      /JSON as the gateway/,
    ],
    ['white space in JSON', item(time(), byte(0x10), uint32(0), long('{ "type":"notice"}')), /JSON as the gateway/],
    ['no JSON', item(time(), byte(0x10), uint32(0), long('{')), /JSON/],
    ['an event of an unknown type', item(time(), json({ type: 'note' })), /no known type/],
    ['an event without a type', item(time(), json({ message: '' })), /no known type/],
    ['an event that says its number', item(time(), json({ type: 'notice', seq: 7 })), /twice where it stands/],
    ['an event that says its time', item(time(), json({ type: 'notice', at: '' })), /twice where it stands/],
    ['an event that says its age', item(time(), json({ type: 'notice', ms: 0 })), /twice where it stands/],
    ['a terminal without bytes', item(time(), json({ type: 'terminal' })), /bytes where none belong, or lacks them/],
    [
      'bytes of what is no terminal',
      item(time(), byte(0x11), uint32(0), long('{"type":"notice"}'), uint32(0)),
      /bytes where none belong, or lacks them/,
    ],
    ['a command without an id', item(time(), json({ type: 'command' })), /no id/],
    ['text that is not UTF-8', item(time(), byte(0x10), uint32(0), uint32(1), Buffer.from([0xff])), /encoded data/],
    [
      'a value that is not UTF-8',
      item(time(), said(template), use(0, item(uint32(1), Buffer.from([0xc3])))),
      /encoded/,
    ],
    ['a value behind the end', item(time(), said(template), use(0, item(uint32(1)))), /ends behind its block/],
    ['a value longer than all memory', item(time(), said(template), use(0, item(uint32(0xffff_fffe)))), /ends behind/],
    ['JSON behind the end', item(time(), byte(0x10), uint32(0), uint32(0xffff_ffff), '{}'), /ends behind its block/],
    [
      'an id of other characters',
      item(time(), said(template), byte(0x12), uint32(0), uint16(0), 'ILOU---------', Buffer.alloc(34)),
      /an invalid id/,
    ],
    ['a result of no command', item(time(), notice, resultOf(1)), /no command that awaits/],
    ['a result of itself', item(time(), said(template), use(0), resultOf(0)), /no command that awaits/],
    ['a result of what is before the segment', item(time(), resultOf(1)), /no command that awaits/],
    [
      'a result of what has one',
      item(time(), said(template), use(0), resultOf(1), resultOf(2)),
      /no command that awaits/,
    ],
    [
      'a tag that is not ASCII',
      item(time(), said(template), use(0), resultOf(1, item(byte(1), byte(0x80), byte(0xff)))),
      /tag/,
    ],
    ['an event cut off', notice.subarray(0, -1), /./],
  ])('%s: refused', (_what, bytes, reason) => expect(() => read(bytes)).toThrow(reason))

  it('bytes of anything are events or refused, and never taken for more than there are', () => {
    const start = item(time(), said(template), use(0, long('x')), notice)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(start.length), fc.nat(255), (noise, at, change) => {
        const changed = Buffer.concat([start, noise])
        changed[at] = (changed[at] ?? 0) ^ change
        const reader = new CompactReader(0)
        try {
          for (const { event } of reader.read(changed)) {
            expect(reader.at).toBeLessThanOrEqual(changed.length)
            expect(event.at).toMatch(/^\d{4}-/)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
      { numRuns: sampledRuns(2000) },
    )
  })
})
