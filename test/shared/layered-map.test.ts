import { expect, it } from 'vitest'
import { LayeredMap } from '../../src/shared/layered-map.ts'

const byKey = ([one]: [string, number], [other]: [string, number]): number => (one < other ? -1 : 1)

it('equals a Map after the same changes, however many, and is immutable', () => {
  const plain = new Map(Array.from({ length: 500 }, (_, index) => [`k${index}`, index]))
  const kept: { map: ReadonlyMap<string, number>; entries: [string, number][] }[] = []
  let layered: ReadonlyMap<string, number> = new Map(plain)
  let seed = 4711
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return Math.floor((seed / 2147483648) * below)
  }
  let isLayered = 0
  for (let round = 0; round < 100; round++) {
    const changes = new Map<string, number | undefined>()
    for (let index = random(6); index >= 0; index--) changes.set(`k${random(700)}`, random(3) === 0 ? undefined : round)
    for (const [key, value] of changes) {
      if (value === undefined) plain.delete(key)
      else plain.set(key, value)
    }
    layered = LayeredMap.with(layered, changes)
    isLayered += Number(layered instanceof LayeredMap)
    const entries = [...plain].toSorted(byKey)
    expect([...layered].toSorted(byKey)).toEqual(entries)
    expect([layered.size, [...layered.keys()].length, [...layered.values()].length]).toEqual(
      Array.from({ length: 3 }, () => plain.size),
    )
    for (const key of ['k0', 'k600', ...changes.keys()])
      expect([layered.has(key), layered.get(key)]).toEqual([plain.has(key), plain.get(key)])
    kept.push({ map: layered, entries })
  }
  for (const { map, entries } of kept) expect([...map].toSorted(byKey)).toEqual(entries)
  expect(isLayered).toBeGreaterThan(60)
  expect(isLayered).toBeLessThan(100)
})

it('is searched by what its values are as a Map is, after any changes', () => {
  const plain = new Map(Array.from({ length: 200 }, (_, index) => [`k${index}`, index % 50]))
  const nameOf = (value: number): string | undefined => (value === 7 ? undefined : `n${value}`)
  let layered: ReadonlyMap<string, number> = new Map(plain)
  for (let round = 0; round < 200; round++) {
    const changes = new Map<string, number | undefined>([
      [`k${(round * 7) % 230}`, round % 3 === 0 ? undefined : round % 60],
      [`k${(round * 11) % 230}`, (round * 5) % 60],
    ])
    for (const [key, value] of changes) {
      if (value === undefined) plain.delete(key)
      else plain.set(key, value)
    }
    layered = LayeredMap.with(layered, changes)
    const wanted = new Set(['n1', `n${round % 60}`, 'n7', 'none'])
    const expected = [...plain].filter(([, value]) => wanted.has(nameOf(value) ?? ''))
    expect([...LayeredMap.withAny(layered, nameOf, wanted)].toSorted(byKey)).toEqual(expected.toSorted(byKey))
    expect([...LayeredMap.withAny(layered, nameOf, new Set())]).toEqual([])
  }
})

it('returns itself where nothing changes', () => {
  const map = new Map([['a', 1]])
  expect(LayeredMap.with(map, new Map())).toBe(map)
})
