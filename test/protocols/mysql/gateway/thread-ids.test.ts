import { expect, it } from 'vitest'
import { ThreadIds } from '../../../../src/protocols/mysql/gateway/thread-ids.ts'

const entry = (personId: string, target: string, serverId: number) => ({
  personId,
  target,
  serverId,
  cancel: () => undefined,
  end: () => undefined,
})

it('gives ids that no server counts up to, and that are positive as signed numbers', () => {
  const ids = new ThreadIds()
  const given = Array.from({ length: 200 }, () => ids.reserve())
  expect(new Set(given).size).toBe(200)
  expect(given.filter((id) => id < 0x4000_0000 || id > 0x7fff_ffff)).toEqual([])
})

it('finds a connection by its own id or the server’s, for its own person and target alone', () => {
  const ids = new ThreadIds()
  const id = ids.reserve()
  const ann = entry('ann', 'shop', 7)
  expect(ids.find(id, 'ann', 'shop')).toBeUndefined()
  ids.serve(id, ann)
  expect(ids.find(id, 'ann', 'shop')).toBe(ann)
  expect(ids.find(7, 'ann', 'shop')).toBe(ann)
  for (const [person, target] of [
    ['bob', 'shop'],
    ['ann', 'other'],
  ] as const)
    expect([ids.find(id, person, target), ids.find(7, person, target)]).toEqual([undefined, undefined])
  ids.release(id)
  expect(ids.find(id, 'ann', 'shop')).toBeUndefined()
  expect(ids.find(7, 'ann', 'shop')).toBeUndefined()
})

it('tells connections apart to which different servers gave the same id', () => {
  const ids = new ThreadIds()
  const [one, other] = [entry('ann', 'shop', 7), entry('ann', 'other', 7)]
  ids.serve(ids.reserve(), one)
  ids.serve(ids.reserve(), other)
  expect([ids.find(7, 'ann', 'shop'), ids.find(7, 'ann', 'other')]).toEqual([one, other])
})
