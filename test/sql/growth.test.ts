import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Relation } from '../../src/sql/catalog.ts'
import { FoundIn, grownBy, noteGrowth } from '../../src/sql/growth.ts'
import { whoseSourcesInclude } from '../../src/sql/relation-sources.ts'

const relation = (oid: number, viewOf: readonly number[] = [], isOpaque = false): Relation =>
  ({ oid, viewOf, related: [], opaque: isOpaque }) as unknown as Relation
const byOid = (...relations: Relation[]): ReadonlyMap<number, Relation> => new Map(relations.map((of) => [of.oid, of]))

it('is found by what was added, and anew where that is not enough or nothing is known of what there was', () => {
  const found = new FoundIn<string>()
  const [before, after, last] = [byOid(), byOid(relation(1)), byOid(relation(1), relation(2))]
  noteGrowth(after, before, [relation(1)])
  noteGrowth(last, after, [relation(2)])
  const grown = (known: string, added: readonly Relation[]): string => `${known} ${added.map(({ oid }) => oid).join()}`
  expect(found.of(before, () => 'all', grown)).toBe('all')
  expect(found.of(after, () => 'anew', grown)).toBe('all 1')
  expect(found.of(after, () => 'anew', grown)).toBe('all 1')
  expect(
    found.of(
      last,
      () => 'anew',
      () => undefined,
    ),
  ).toBe('anew')
  expect(new FoundIn<string>().of(last, () => 'anew', grown)).toBe('anew')
})

it('is found anew where what was added shares its rows with others', () => {
  const [before, after] = [byOid(), byOid(relation(1))]
  noteGrowth(after, before, [{ ...relation(1), related: [2] }])
  const found = new FoundIn<string>()
  found.of(
    before,
    () => 'all',
    () => 'grown',
  )
  expect(
    found.of(
      after,
      () => 'anew',
      () => 'grown',
    ),
  ).toBe('anew')
})

it('has what one looked at all of them would have, views upon views and in any order', () => {
  const oids = fc.array(fc.tuple(fc.array(fc.nat(11), { maxLength: 3 }), fc.boolean()), {
    minLength: 12,
    maxLength: 12,
  })
  fc.assert(
    fc.property(
      oids,
      fc.nat(12),
      fc.shuffledSubarray([...Array(12).keys()], { minLength: 12 }),
      (made, count, order) => {
        const isOne = ({ opaque }: Relation): boolean => opaque
        // What was there before names nothing that was added.
        const all = made.map(([viewOf, isOpaque], oid) =>
          relation(oid, oid < count ? viewOf.filter((of) => of < count) : viewOf, isOpaque),
        )
        const before = whoseSourcesInclude(isOne, { byOid: byOid(...all.slice(0, count)) })
        const added = order.flatMap((oid) => (oid < count ? [] : (all[oid] ?? [])))
        const grown = grownBy(before, added, isOne)
        expect(new Set(grown)).toEqual(whoseSourcesInclude(isOne, { byOid: byOid(...all) }))
      },
    ),
  )
})
