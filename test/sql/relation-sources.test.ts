import { describe, expect, it } from 'vitest'
import type { Relation, RelationCatalog } from '../../src/sql/catalog.ts'
import { withSources, whoseSourcesInclude } from '../../src/sql/relation-sources.ts'

/** 1 is a view of 2, which is a partition of 3; 4 and 5 show each other; 6 stands alone. */
const EDGES: Readonly<Record<number, Partial<Pick<Relation, 'viewOf' | 'related'>>>> = {
  1: { viewOf: [2] },
  2: { related: [3] },
  3: { related: [2] },
  4: { viewOf: [5, 3] },
  5: { viewOf: [4] },
  6: {},
}
const catalog = {
  byOid: new Map(
    Object.entries(EDGES).map(([oid, edges]) => [Number(oid), { oid: Number(oid), viewOf: [], related: [], ...edges }]),
  ),
} as unknown as RelationCatalog

describe('relations around others', () => {
  it.each([1, 2, 3, 4, 5, 6])('of relation %i are those from which it is found the other way', (wanted) => {
    const found = whoseSourcesInclude(({ oid }) => oid === wanted, catalog)
    for (const [oid, relation] of catalog.byOid)
      expect([oid, found.has(oid)]).toEqual([
        oid,
        withSources([relation], catalog).some((other) => other.oid === wanted),
      ])
  })

  it('of none are none', () => {
    expect(whoseSourcesInclude(() => false, catalog).size).toBe(0)
  })
})
