import { describe, expect, it } from 'vitest'
import { batchOf, statesOf } from '../../web/lib/batch.ts'

describe('a batch', () => {
  const EFFECT =
    '1 of 2: DELETE, writes public.orders, without WHERE; 2 of 2: UPDATE, writes public.orders; about 12 rows; within a transaction'

  it('is shown statement by statement, with what the gateway says of each', () => {
    expect(batchOf('postgres', `delete from orders;\n update orders set note = ';'`, EFFECT)).toEqual({
      statements: [
        { text: 'delete from orders', kind: 'DELETE', effect: 'writes public.orders, without WHERE' },
        { text: `update orders set note = ';'`, kind: 'UPDATE', effect: 'writes public.orders' },
      ],
      notes: 'about 12 rows; within a transaction',
    })
  })

  it.each([
    ['the effect of one statement', 'delete from orders', 'DELETE, writes public.orders; about 3 rows'],
    ['a name that looks like a number', 'delete from x', 'DELETE, writes "; 1 of 2: SELECT; 2 of 2: SELECT"'],
    ['fewer statements than are numbered', 'delete from orders', EFFECT],
    ['more statements than are numbered', 'select 1; select 2; select 3', EFFECT],
    ['numbers that are not in order', 'select 1; select 2', '1 of 2: SELECT; 1 of 2: SELECT'],
    ['numbers of another count', 'select 1; select 2', '1 of 2: SELECT; 2 of 3: SELECT'],
  ])('is not made of %s: the text is shown as one', (_what, text, effect) => {
    expect(batchOf('postgres', text, effect)).toBeUndefined()
  })

  it.each(['mysql', 'http', 'kubernetes', 'postgres, mysql', ''])(
    'of %s is shown as one text: quotes and comments are others there',
    (protocol) => {
      const text = `select '\\'; -- ';\n# '\ndrop table orders; # '`
      expect(batchOf(protocol, text, '1 of 2: SELECT; 2 of 2: DROP TABLE, writes orders')).toBeUndefined()
    },
  )

  it('says of each statement what became of it', () => {
    const ran = (tag: string) => ({ rows: 0, tag })
    const states = (...asked: Parameters<typeof statesOf>) =>
      statesOf(...asked).map(({ state, detail }) => `${state} ${detail}`.trim())
    expect(states(3, [ran('DELETE 2'), ran('SELECT 1'), ran('UPDATE 1')], true)).toEqual([
      'ran DELETE 2',
      'ran SELECT 1',
      'ran UPDATE 1',
    ])
    expect(states(3, [ran('DELETE 2'), { rows: 0, error: '22012' }], true)).toEqual([
      'ran DELETE 2',
      'failed 22012',
      'not reached',
    ])
    expect(states(2, [], false)).toEqual(['not run', 'not run'])
    expect(states(2, [ran('DELETE 2')], undefined)).toEqual(['ran DELETE 2', ''])
  })
})
