import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FLUSH, SYNC } from '../../../../../src/protocols/postgres/wire/client-message.ts'
import { createSqlParser, type SqlParser } from '../../../../../src/protocols/postgres/dialect/sql-parser.ts'
import { EMAIL_RULES, KIND_RULES, RULES, Twins } from '../../../../helpers/lane-connections.ts'
import { C, D, E, P, Q } from '../../../../helpers/messages.ts'
import { bindOf } from '../../../../helpers/model-postgres.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(() => parser.close())

const IDS = 'select id from people where id = $1'
const BOTH = 'select id, email from people where id = $1'
const INSERT = 'insert into people (id) values ($1)'
/** A statement of a batch, by its name and its parameter. */
const one = (name: string, word: string | null): Buffer => Buffer.concat([bindOf(name, [word]), D(), E()])
const bare = (name: string, word: string | null): Buffer => Buffer.concat([bindOf(name, [word]), E()])
const batch = (...messages: Buffer[]): Buffer => Buffer.concat([...messages, SYNC])
const text = (sql: string, word: string | null): Buffer => Buffer.concat([P(sql), bindOf('', [word]), D(), E()])

const PREPARED = [
  ['ids', IDS],
  ['both', BOTH],
  ['add', INSERT],
] as const

/** Connections on which everything that the tests send has been sent once. */
async function twins(rules: string): Promise<Twins> {
  const made = new Twins({ parser, rules })
  for (const [name, sql] of PREPARED) await made.prepare(batch(P(sql, name)), batch(one(name, '1')))
  await made.prepare(batch(text(IDS, '1')), batch(text(INSERT, '1')))
  made.compare()
  return made
}

/** The same once more, whatever has become of it. */
async function again(pair: Twins, rules: string): Promise<Twins> {
  if (pair.slow.session.ended.aborted) return twins(rules)
  await pair.prepare(SYNC, Q('rollback'))
  for (const [name, sql] of PREPARED) await pair.prepare(batch(C(name), P(sql, name)), batch(one(name, '1')))
  await pair.prepare(batch(text(IDS, '1')), batch(text(INSERT, '1')))
  pair.compare()
  return pair
}

/** All places where a stream may be cut; of a long one, some, and fewer where only the masking differs. */
function cutsOf(length: number, rules: string): number[] {
  const step = (length > 600 ? 61 : 1) * (rules === RULES ? 1 : 5)
  return Array.from({ length: Math.floor((length - 1) / step) }, (_, index) => 1 + index * step)
}

/** What a client may send, and whether a lane takes any of it where nothing is masked. */
const CONVERSATIONS: readonly (readonly [name: string, sent: Buffer, takes: boolean])[] = [
  ['a statement', batch(one('ids', '2')), true],
  ['a statement whose columns are not asked for', batch(bare('ids', '2')), true],
  ['a statement without columns', batch(one('add', '1')), true],
  ['NULL', batch(one('ids', null)), true],
  ['several in a batch', batch(one('ids', '1'), bare('add', '1'), one('both', '3')), true],
  ['several batches', Buffer.concat([batch(one('ids', '1')), batch(bare('ids', '0')), batch(one('add', '1'))]), true],
  ['a text that is known', batch(text(IDS, '2')), true],
  ['texts that are known, in one batch', batch(text(IDS, '2'), text(INSERT, '1'), one('ids', '1')), true],
  ['what is prepared under no name, bound again', batch(bare('', '2')), true],
  ['a text and what it left', Buffer.concat([batch(text(IDS, '2')), batch(bare('', '1'))]), false],
  ['a batch that is not over', one('ids', '1'), false],
  ['two Syncs', Buffer.concat([batch(one('ids', '1')), SYNC]), false],
  ['a Flush', Buffer.concat([one('ids', '1'), FLUSH, SYNC]), false],
  ['rows that do not come at once', batch(bindOf('ids', ['3']), D(), E('', 2), E('', 2)), false],
  ['a named portal', batch(bindOf('ids', ['1'], { portal: 'p' }), D('p'), E('p')), false],
  ['a result in binary', batch(bindOf('ids', ['1'], { resultFormats: [1] }), D(), E()), false],
  ['a parameter in binary', batch(bindOf('ids', ['\0\0\0\u0001'], { parameterFormats: [1] }), D(), E()), false],
  [
    'formats that are said to be text',
    batch(bindOf('ids', ['1'], { parameterFormats: [0], resultFormats: [0] }), E()),
    false,
  ],
  ['another statement', batch(one('nobody', '1')), false],
  ['a parameter too many', batch(bindOf('ids', ['1', '2']), D(), E()), false],
  ['an Execute of another portal', batch(bindOf('ids', ['1']), D(), E('x')), false],
  ['a Describe of the statement', batch(bindOf('ids', ['1']), D('ids', 'statement'), E()), false],
  ['a Describe of what stands under no name', batch(bindOf('ids', ['1']), D('', 'statement'), E()), false],
  ['a text that is new', batch(text('select id from people', '1')), false],
  ['a text that is refused', batch(text('delete from people', '1')), false],
  [
    'a statement and a query',
    Buffer.concat([batch(one('ids', '1')), Q("select id from people where id > '1'")]),
    false,
  ],
  [
    'a statement prepared anew in between',
    Buffer.concat([batch(C('ids'), P(BOTH, 'ids')), batch(one('ids', '1'))]),
    false,
  ],
  ['DEALLOCATE', Buffer.concat([Q('deallocate ids'), batch(one('ids', '1'))]), false],
  ['DEALLOCATE ALL', Buffer.concat([Q('deallocate all'), batch(one('ids', '1'))]), false],
  ['DISCARD ALL', Buffer.concat([Q('discard all'), batch(one('ids', '1'))]), false],
  ['a transaction', Buffer.concat([Q('begin'), batch(one('ids', '1')), Q('commit'), batch(one('ids', '1'))]), false],
  ['an error when it is bound', batch(one('ids', 'refused'), one('ids', '1')), true],
  ['an error while it runs', Buffer.concat([batch(one('ids', 'boom'), one('ids', '1')), batch(one('ids', '1'))]), true],
  ['an error of a text', Buffer.concat([batch(text(IDS, 'refused')), batch(one('ids', '1'))]), true],
  ['a notice', batch(one('ids', 'notice'), one('ids', '1')), true],
  ['a setting that is reported', batch(one('ids', 'setting')), true],
  ['a notification', batch(one('ids', 'notify'), one('ids', '1')), true],
  ['other columns than before', batch(one('ids', 'other'), one('ids', '1')), true],
  ['other columns of a text', batch(text(IDS, 'other')), true],
  ['two answers', batch(one('ids', 'twice')), true],
  ['what no server says', batch(one('ids', 'nonsense')), true],
  ['rows that are too long', batch(one('both', 'long')), true],
  ['a Bind that is too long', batch(bindOf('ids', ['x'.repeat(2500)]), E()), false],
  ['lengths that do not fit', Buffer.concat([batch(one('ids', '1')).fill(0xff, 11, 13)]), false],
  ['another count of parameters than there are', Buffer.concat([batch(one('ids', '1')).fill(2, 13, 14)]), false],
  ['a length below four', Buffer.concat([Buffer.from('B\0\0\0\u0003'), SYNC]), false],
  ['another format than there is', batch(bindOf('ids', ['1'], { parameterFormats: [7 as 1] }), E()), false],
]

const KINDS_OF_RULES = [
  ['nothing masked', RULES],
  ['a masked column', EMAIL_RULES],
  ['a masked kind', KIND_RULES],
] as const

describe.each(KINDS_OF_RULES)(
  'the same bytes to both sides and the same record with and without a lane, %s',
  (_, rules) => {
    it.each(CONVERSATIONS)('%s: in one piece', async (_name, sent, takes) => {
      const pair = await twins(rules)
      const before = pair.lane.taken
      await pair.run(sent)
      pair.compareInside()
      if (rules === RULES) expect(pair.lane.taken > before).toBe(takes)
      expect(pair.slow.taken).toBe(0)
      // What comes after it does not depend on who had it.
      await pair.run(batch(bare('', '1')))
      await pair.run(batch(one('both', '2')))
      pair.compareInside()
    })

    it.each(CONVERSATIONS)('%s: cut at every byte', async (_name, sent) => {
      let pair = await twins(rules)
      for (const at of cutsOf(sent.length, rules)) {
        await pair.each((connection) => connection.fromClient(sent.subarray(0, at)))
        if (at % 2 === 0) await pair.each((connection) => connection.fromServer())
        await pair.each((connection) => connection.fromClient(sent.subarray(at)))
        await pair.each((connection) => connection.fromServer())
        pair = await again(pair, rules)
      }
    })

    it.each(CONVERSATIONS)('%s: answered in pieces', async (_name, sent) => {
      let pair = await twins(rules)
      await pair.each((connection) => connection.fromClient(sent))
      for (const at of cutsOf(pair.slow.due, rules)) {
        await pair.each((connection) => connection.fromServer(at))
        if (at % 3 === 0) pair.compareInside()
        if (at % 4 === 0) await pair.each((connection) => connection.fromClient(batch(one('ids', '1'))))
        await pair.each((connection) => connection.fromServer())
        pair.compareInside()
        pair = await again(pair, rules)
        await pair.each((connection) => connection.fromClient(sent))
      }
    })
  },
)

const LANE = CONVERSATIONS.flatMap(([, , takes], index) => (takes ? [index] : []))
const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        send: fc.oneof(
          { weight: 4, arbitrary: fc.constantFrom(...LANE.slice(0, 9)) },
          fc.nat(CONVERSATIONS.length - 1),
        ),
        cut: fc.oneof({ weight: 3, arbitrary: fc.constant(1_000_000) }, fc.nat(300)),
      }),
    },
    { weight: 6, arbitrary: fc.record({ say: fc.oneof(fc.nat(60), fc.constant(1_000_000)) }) },
    { weight: 1, arbitrary: fc.constant({ look: true } as const) },
  ),
  { minLength: 5, maxLength: 60 },
)

describe('what only looks like what is known', () => {
  it('as many formats of results, and others: binary is not sent for as text', async () => {
    const pair = await twins(RULES)
    const withFormat = (format: 0 | 1): Buffer => batch(bindOf('ids', ['1'], { resultFormats: [format] }), D(), E())
    await pair.run(withFormat(0))
    const { taken } = pair.lane
    await pair.run(withFormat(0))
    expect(pair.lane.taken).toBe(taken + 1)
    await pair.run(withFormat(1))
    expect(pair.lane.taken).toBe(taken + 1)
    pair.compareInside()
  })
})

describe('what only looks like a message', () => {
  it('within a parameter, cut out of it: a statement', async () => {
    const pair = await twins(RULES)
    const inner = batch(one('ids', '1'))
    const outer = batch(one('ids', inner.toString('latin1')))
    const at = outer.indexOf(inner)
    const { taken } = pair.lane
    for (const piece of [outer.subarray(0, at), inner, outer.subarray(at + inner.length)])
      await pair.each((connection) => connection.fromClient(piece))
    expect(pair.lane.taken).toBe(taken)
    await pair.each((connection) => connection.fromServer())
    pair.compareInside()
  })

  it('within a notification, cut out of it: an answer', async () => {
    const pair = await twins(RULES)
    const looks = Buffer.from('2\0\0\0\u0004C\0\0\0\u000dSELECT 0\0Z\0\0\0\u0005I', 'latin1')
    const head = Buffer.from([0x41, 0, 0, 0, 4 + 4 + looks.length, 0, 0, 0, 1])
    await pair.each((connection) => connection.say(head))
    const { taken } = pair.lane
    await pair.each((connection) => connection.fromClient(batch(bare('ids', '1'))))
    expect(pair.lane.taken).toBe(taken + 1)
    await pair.each((connection) => connection.say(looks))
    await pair.each((connection) => connection.fromServer())
    pair.compareInside()
  })
})

describe('a server that says that the transaction is another', () => {
  it.each(['T', 'E', 'I', 'x'])('is believed as it is without a lane: %s', async (status) => {
    const pair = await twins(RULES)
    await pair.each((connection) => connection.fromClient(batch(bare('ids', '1'))))
    const answer = `2\0\0\0\u0004C\0\0\0\u000dSELECT 0\0Z\0\0\0\u0005${status}`
    await pair.each((connection) => connection.say(Buffer.from(answer, 'latin1')))
    pair.compareInside()
  })
})

describe('a client and a server that say what they like, in pieces of any size', () => {
  it.each(KINDS_OF_RULES)('are told the same, and so is the record, with and without a lane: %s', async (_, rules) => {
    let taken = 0
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const pair = await twins(rules)
        for (const step of all) {
          if (pair.slow.session.ended.aborted) break
          if ('look' in step) pair.compareInside()
          else if ('say' in step) await pair.each((connection) => connection.fromServer(step.say))
          else {
            const sent = (CONVERSATIONS[step.send] as (typeof CONVERSATIONS)[number])[1]
            await pair.each((connection) => connection.fromClient(sent.subarray(0, step.cut)))
            if (step.cut < sent.length) await pair.each((connection) => connection.fromClient(sent.subarray(step.cut)))
          }
        }
        await pair.each((connection) => connection.fromServer())
        pair.compareInside()
        taken += pair.lane.taken
      }),
      { numRuns: 150 },
    )
    expect(taken).toBeGreaterThan(150)
  })
})
