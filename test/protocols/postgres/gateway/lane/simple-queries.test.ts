import { describe, expect, it } from 'vitest'
import { SYNC } from '../../../../../src/protocols/postgres/wire/client-message.ts'
import {
  add,
  bare,
  batch,
  holdToSlowPath,
  ids,
  mail,
  one,
  text,
  twins,
  usesParser,
  type Conversation,
} from '../../../../helpers/lane-conversations.ts'
import { EMAIL_RULES, KIND_RULES, RULES } from '../../../../helpers/lane-connections.ts'
import { P, Q } from '../../../../helpers/messages.ts'

usesParser()

const all = (...messages: Buffer[]): Buffer => Buffer.concat(messages)

const CONVERSATIONS: readonly Conversation[] = [
  ['a query with another constant', ids('4'), true],
  ['a query with rows of a column that may be masked', mail('3'), true],
  ['a query without columns', add('7'), true],
  ['several queries that do not wait', all(ids('1'), mail('2'), add('3'), ids('0')), true],
  ['a transaction', all(Q('begin'), ids('1'), mail('2'), Q('commit')), true],
  ['a transaction that is taken back', all(Q('begin'), add('1'), Q('rollback'), ids('1')), true],
  ['queries and batches', all(batch(one('ids', '1')), ids('2'), batch(bare('both', '3')), mail('1')), true],
  ['a transaction of batches', all(Q('begin'), batch(one('ids', '1')), Q('commit'), batch(bare('ids', '2'))), true],
  ['a transaction within a transaction', all(Q('begin'), Q('begin'), ids('1')), true],
  ['the end of no transaction', all(Q('commit'), Q('rollback'), ids('1')), true],
  ['a query in a batch that is not over', all(one('ids', '1'), ids('1'), SYNC), false],
  ['a query right behind a text', all(P('select id from people'), ids('1'), SYNC), false],
  ['a query and what stood under no name before it', all(ids('1'), batch(bare('', '1'))), true],
  ['a text and a query', all(batch(text('select id from people where id = $1', '1')), ids('2')), true],
  ['an error', all(ids('boom'), ids('1')), true],
  ['an error in a transaction', all(Q('begin'), ids('boom'), ids('1'), Q('commit'), ids('1')), true],
  ['a notice', all(ids('notice'), ids('1')), true],
  ['a setting that is reported', ids('setting'), true],
  ['a notification', all(ids('notify'), ids('1')), true],
  ['other columns than before', all(mail('other'), mail('1')), true],
  ['two answers', ids('twice'), true],
  ['what no server says', ids('nonsense'), true],
  ['rows that are too long', mail('long'), true],
  ['a text with more behind its end', Buffer.from('Q\0\0\0\u000dbegin\0xx\0', 'latin1'), false],
  ['a text without an end', Buffer.from('Q\0\0\0\u0009begin', 'latin1'), false],
  ['another byte in the place of the end of a text', Buffer.from('Q\0\0\0\u000abeginX', 'latin1'), false],
  ['nothing', Q(''), false],
  ['a length that does not fit', ids('1').fill(0xff, 1, 3), false],
]

holdToSlowPath(CONVERSATIONS)

/** Texts of which the second differs from the first in constants, and whether a lane takes it once the first is known. */
const PAIRS: readonly (readonly [name: string, first: string, second: string, takes: boolean])[] = [
  ['numbers', 'select id from people where id = 1', 'select id from people where id = 22', true],
  ['a number with leading zeros', 'select id from people where id = 1', 'select id from people where id = 001', true],
  ['a limit', 'select id from people limit 1', 'select id from people limit 2', true],
  ['an offset', 'select id from people limit 1 offset 1', 'select id from people limit 2 offset 5', true],
  ['a list', 'select id from people where id in (1, 2)', 'select id from people where id in (3, 4)', true],
  ['a range', 'select id from people where id between 1 and 2', 'select id from people where id between 3 and 4', true],
  ['rows that are written', 'insert into people (id) values (1)', 'insert into people (id) values (2)', true],
  ['a value that is set', 'update people set id = 1 where id = 1', 'update people set id = 2 where id = 5', true],
  ['the same text', 'select id, id from people', 'select id, id from people', true],
  ['another list', 'select id from people where id in (1, 2)', 'select id from people where id in (3, 4, 5)', false],
  [
    'what is no WHERE',
    'update people set id = 1 where id = 1 or 1 = 1',
    'update people set id = 1 where id = 1 or 1 = 2',
    false,
  ],
  ['one that leaves nothing out', 'delete from people where 1 = 2', 'delete from people where 1 = 1', false],
  ['a place in ORDER BY', 'select id, email from people order by 1', 'select id, email from people order by 2', false],
  [
    'a place in GROUP BY',
    'select id, email from people group by 1, 2',
    'select id, email from people group by 2, 1',
    false,
  ],
  ['a constant in arithmetic', 'select id from people order by id + 1', 'select id from people order by id + 2', false],
  ['a negative number', 'select id from people where id = -1', 'select id from people where id = -2', true],
  ['a minus that comes', 'select id from people where id = 1', 'select id from people where id = -1', false],
  ['a huge number', 'select id from people where id = 1', 'select id from people where id = 12345678901', false],
  ['a number of another kind', 'select id from people where id = 1', 'select id from people where id = 1.5', false],
  ['an exponent', 'select id from people where id = 1', 'select id from people where id = 1e5', false],
  ['a number in hexadecimal', 'select id from people where id = 1', 'select id from people where id = 0x1f', false],
  ['digits and letters', 'select id from people where id = 1', 'select id from people where id = 1and 1=1', false],
  ['a string for a number', 'select id from people where id > 1', "select id from people where id > '1'", false],
  ['NULL', 'select id from people where id = 1', 'select id from people where id = null', false],
  ['TRUE', 'select id from people where id = 1', 'select id from people where id = true', false],
  ['a cast', "select id from people where id = '1'::int", "select id from people where id = '2'::int", false],
  [
    'a typed constant',
    "select id from people where id = date '2020-01-01'",
    "select id from people where id = date '2020-01-02'",
    false,
  ],
  ['a string with escapes', "select id from people where id = '1'", "select id from people where id = E'1'", false],
  ['a backslash', "select id from people where id = '1'", "select id from people where id = '\\'", false],
  ['a quote in a string', "select id from people where id = '1'", "select id from people where id = ''''", false],
  ['two strings', "select id from people where id = '1'", "select id from people where id = '1'\n'2'", false],
  ['a string that ends the text', "select id from people where id = '1'", "select id from people where id = '1", false],
  ['a comment', 'select id from people where id = 1', 'select id from people where id = 1 -- 2', false],
  ['a comment in a string', "select id from people where id = '1'", "select id from people where id = '--'", false],
  ['a dollar quote', "select id from people where id = '1'", 'select id from people where id = $$1$$', false],
  ['a letter beyond ASCII', "select id from people where id = '1'", "select id from people where id = 'é'", false],
  [
    'the bytes of such a letter',
    "select id from people where id = 'é'",
    "select id from people where id = 'Ã©'",
    false,
  ],
  ['another space', 'select id from people where id = 1', 'select id from people where  id = 1', false],
  ['another case', 'select id from people where id = 1', 'SELECT id from people where id = 1', false],
  ['a statement more', 'select id from people where id = 1', 'select id from people where id = 1; select 1', false],
  [
    'two statements',
    'select id from people; select id from people',
    'select id from people; select id from people',
    false,
  ],
  [
    'a function with a constant',
    'select id from people where id = abs(1)',
    'select id from people where id = abs(2)',
    false,
  ],
  ['a setting', "set application_name = 'a'", "set application_name = 'b'", false],
  ['a name that a statement makes', 'prepare p as select id from people', 'prepare p as select id from people', false],
  ['modes of a transaction', 'begin read write', 'begin read write', false],
  ['the text of another one', 'select id from people', 'select email from people', false],
]

describe.each([
  ['nothing masked', RULES],
  ['a masked column', EMAIL_RULES],
  ['a masked kind', KIND_RULES],
])('texts that differ in constants, %s', (_, rules) => {
  it.each(PAIRS)('%s', async (_name, first, second, takes) => {
    const pair = await twins(rules, Q(first))
    await pair.run(Q(first))
    await pair.run(Q(first))
    const before = pair.lane.taken
    await pair.run(Q(second))
    await pair.run(Q(first), Q(second))
    if (rules === RULES) expect(pair.lane.taken > before + 2).toBe(takes)
    pair.compareInside()
  })
})

describe('what of a query is on record', () => {
  it.each([
    ['a masked column', EMAIL_RULES, 'insert into people (id, email) values (?, ?)'],
    ['a masked kind', KIND_RULES, 'insert into people (id, email) values (?, ?)'],
    ['a masked kind in a condition', KIND_RULES, 'select id from people where id = ? and id <> ?'],
    ['a kind where nothing is masked', RULES, 'select id from people where id = ? and id <> ?'],
  ])('is hidden there as it is without a lane: %s', async (_, rules, sql) => {
    const pair = await twins(rules)
    const query = (n: number): Buffer => Q(sql.replace('?', String(n)).replace('?', `'4111 1111 1111 1111'`))
    await pair.run(query(1))
    await pair.run(query(2))
    const shown: string[] = []
    pair.lane.onEvent = (event) => shown.push(JSON.stringify(event))
    const { taken } = pair.lane
    for (let n = 3; n < 6; n++) await pair.run(query(n))
    expect(pair.lane.taken).toBe(taken + 3)
    expect(shown.filter((event) => event.includes('"command"'))).not.toEqual([])
    expect(shown.join('\n')).not.toContain('4111')
  })
})
