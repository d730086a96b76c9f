import { describe, expect, it } from 'vitest'
import { FLUSH, SYNC } from '../../../../../src/protocols/postgres/wire/client-message.ts'
import {
  bare,
  batch,
  BOTH,
  holdToSlowPath,
  ids,
  IDS,
  INSERT,
  one,
  text,
  twins,
  usesParser,
  type Conversation,
} from '../../../../helpers/lane-conversations.ts'
import { RULES } from '../../../../helpers/lane-connections.ts'
import { C, D, E, P, Q } from '../../../../helpers/messages.ts'
import { bindOf } from '../../../../helpers/model-postgres.ts'

usesParser()

const CONVERSATIONS: readonly Conversation[] = [
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
  ['a query in a batch that is not over', Buffer.concat([one('ids', '1'), ids('1')]), false],
  ['a query in a batch that has failed', Buffer.concat([one('ids', 'refused'), ids('1'), SYNC]), false],
  [
    'a statement prepared anew in between',
    Buffer.concat([batch(C('ids'), P(BOTH, 'ids')), batch(one('ids', '1'))]),
    false,
  ],
  ['DEALLOCATE', Buffer.concat([Q('deallocate ids'), batch(one('ids', '1'))]), false],
  ['DEALLOCATE ALL', Buffer.concat([Q('deallocate all'), batch(one('ids', '1'))]), false],
  ['DISCARD ALL', Buffer.concat([Q('discard all'), batch(one('ids', '1'))]), false],
  ['a transaction', Buffer.concat([Q('begin'), batch(one('ids', '1')), Q('commit'), batch(one('ids', '1'))]), true],
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

holdToSlowPath(CONVERSATIONS)

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

describe('a command tag', () => {
  it.each([58, 63, 64, 65, 200])('of %i bytes is taken, or is not, as it is without a lane', async (length) => {
    const pair = await twins(RULES)
    await pair.each((connection) => connection.fromClient(batch(bare('ids', '1'))))
    const head = Buffer.from('2\0\0\0\u0004C\0\0\0\0', 'latin1')
    head.writeUInt32BE(4 + length + 1, 6)
    const answer = Buffer.concat([head, Buffer.from(`${'S'.repeat(length)}\0Z\0\0\0\u0005I`, 'latin1')])
    await pair.each((connection) => connection.say(answer))
    expect(pair.lane.session.ended.aborted).toBe(length > 63)
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

it('no more statements are on their way by the lane than 256', async () => {
  const pair = await twins(RULES, bare('ids', '0'))
  const send = (count: number): Promise<void> =>
    pair.each((connection) => connection.fromClient(batch(...Array.from({ length: count }, () => bare('ids', '0')))))
  const { taken } = pair.lane
  await send(200)
  await send(57)
  expect(pair.lane.taken).toBe(taken + 200)
  await pair.each((connection) => connection.fromServer())
  await send(200)
  await send(56)
  expect(pair.lane.taken).toBe(taken + 456)
  await pair.each((connection) => connection.fromServer())
  pair.compareInside()
})

it('what stands under no name is known again once the slow path has taken over a text of the lane', async () => {
  const pair = await twins(RULES)
  const { taken } = pair.lane
  await pair.run(batch(text(IDS, '2')))
  expect(pair.lane.taken).toBe(taken + 1)
  pair.compareInside()
  for (let time = 0; time < 3; time++) await pair.run(batch(bare('', '1')))
  expect(pair.lane.taken).toBeGreaterThan(taken + 1)
  pair.compareInside()
})

it('a transaction that prepared statements begin and end is followed as it is without a lane', async () => {
  const pair = await twins(RULES, bare('ids', '0'))
  await pair.prepare(batch(P('begin', 'b')), batch(P('commit', 'c')))
  const { taken } = pair.lane
  const run = (name: string): Buffer => batch(bindOf(name, []), E())
  for (let time = 0; time < 3; time++) await pair.run(run('b'), batch(bare('ids', '1')), run('c'))
  for (const name of ['b', 'c']) await pair.run(run(name))
  expect(pair.lane.taken).toBeGreaterThan(taken + 5)
  pair.compareInside()
})
