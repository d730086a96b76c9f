import { describe, expect, it } from 'vitest'
import type { Review } from '../../src/api/schemas/review.ts'
import type { Session } from '../../src/api/schemas/session.ts'
import { byUrgency, grouped, matching } from '../../web/features/inbox/order.ts'
import {
  byUrgency as liveByUrgency,
  grouped as liveGrouped,
  inColumns,
  matching as liveMatching,
} from '../../web/features/live/rows.ts'
import { formatShort } from '../../web/lib/format.ts'

const at = (minutes: number): string => new Date(Date.UTC(2026, 10, 30, 12, minutes)).toISOString()
const person = (name: string) => ({ id: name, label: `${name}@example.com`, kind: 'person' as const })

describe('the inbox', () => {
  const review = (id: string, kind: Review['kind'], expires: number, more: Partial<Review> = {}): Review => ({
    id,
    kind,
    requester: person('jane'),
    target: 'prod-db',
    state: 'pending',
    status: 'waiting',
    approvers: { groups: ['sre'], count: 1 },
    decisions: [],
    createdAt: at(0),
    expiresAt: at(expires),
    labels: { env: 'prod' },
    protocol: 'postgres',
    rule: 'r',
    mayDecide: true,
    ...more,
  })

  it('begins with what blocks a client, and of each kind with what has least time left', () => {
    const reviews = [
      review('req_soon', 'request', 5),
      review('apr_late', 'command', 50),
      review('req_late', 'request', 57),
      review('apr_soon', 'command', 12),
    ]
    expect(byUrgency(reviews).map(({ id }) => id)).toEqual(['apr_soon', 'apr_late', 'req_soon', 'req_late'])
  })

  it('finds every word somewhere, in any case, and keeps to a kind', () => {
    const reviews = [
      review('apr_1', 'command', 1, { text: 'TRUNCATE orders' }),
      review('req_1', 'request', 1, { reason: 'INC-4711 orders' }),
    ]
    const ids = (filter: string, kind = '') => matching(reviews, { filter, kind, by: '' }).map(({ id }) => id)
    expect(ids('')).toEqual(['apr_1', 'req_1'])
    expect(ids('Orders jane env=PROD')).toEqual(['apr_1', 'req_1'])
    expect(ids('truncate inc-4711')).toEqual([])
    expect(ids('orders', 'request')).toEqual(['req_1'])
  })

  it('groups in the order of the first of each, and loses none', () => {
    const reviews = [
      review('1', 'command', 1),
      review('2', 'command', 2, { requester: person('bob') }),
      review('3', 'command', 3),
    ]
    expect(grouped(reviews, 'person').map(([name, of]) => [name, of.map(({ id }) => id)])).toEqual([
      ['jane@example.com', ['1', '3']],
      ['bob@example.com', ['2']],
    ])
    expect(grouped([], 'rule')).toEqual([])
  })
})

describe('live sessions', () => {
  const session = (
    id: string,
    state: 'running' | 'held' | 'idle' | undefined,
    since = 0,
    more: Partial<Session> = {},
  ) =>
    ({
      id,
      person: person('jane'),
      target: 'dev-db',
      protocol: 'postgres',
      grantId: 'grt_1',
      openedAt: at(0),
      commands: 1,
      denied: 0,
      held: 0,
      ...(state === undefined ? {} : { activity: { state, since: at(since), text: `select ${id}` } }),
      ...more,
    }) satisfies Session

  it('begin with those that are held, then what has run longest, then what was in use last', () => {
    const sessions = [
      session('idle-long', 'idle', 1),
      session('idle', 'idle', 9),
      session('new', undefined),
      session('over', 'running', 0, { ended: { at: at(9), code: 'x', message: '' } }),
      session('runs', 'running', 8),
      session('runs-long', 'running', 2),
      session('held', 'held', 5),
    ]
    expect(liveByUrgency(sessions).map(({ id }) => id)).toEqual([
      'held',
      'runs-long',
      'runs',
      'idle',
      'idle-long',
      'new',
      'over',
    ])
  })

  it('are found by what they do, and grouped', () => {
    const sessions = [session('a', 'held'), session('b', 'idle', 0, { target: 'prod-db' })]
    expect(liveMatching(sessions, 'HELD dev-db').map(({ id }) => id)).toEqual(['a'])
    expect(liveMatching(sessions, 'SELECT prod').map(({ id }) => id)).toEqual(['b'])
    expect(liveGrouped(sessions, 'target').map(({ name }) => name)).toEqual(['dev-db', 'prod-db'])
  })

  it('stand in two columns of the same height, each once and in order, also where a group is cut', () => {
    const sessions = Array.from({ length: 7 }, (_, index) => session(String(index), 'idle', 9 - index))
    const columns = inColumns(
      [
        { name: 'a', sessions: sessions.slice(0, 1) },
        { name: 'b', sessions: sessions.slice(1) },
      ],
      2,
    )
    expect(columns.map((groups) => groups.map(({ name, sessions: of }) => [name, of.length]))).toEqual([
      [
        ['a', 1],
        ['b', 3],
      ],
      [['b', 3]],
    ])
    expect(columns.flat().flatMap(({ sessions: of }) => of)).toEqual(sessions)
    expect(inColumns([], 2)).toEqual([[]])
  })
})

it.each([
  [0, '0s'],
  [59_999, '59s'],
  [60_000, '1m'],
  [3_600_000, '1h'],
  [43_140_000, '11h 59m'],
  [3 * 86_400_000, '3d'],
  [-5, '0s'],
])('%d ms is %s in a column', (milliseconds, text) => {
  expect(formatShort(milliseconds)).toBe(text)
})
