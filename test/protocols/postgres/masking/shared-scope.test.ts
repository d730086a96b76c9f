import { describe, expect, it } from 'vitest'
import { buildCatalog } from '../../../../src/protocols/postgres/catalog/build-catalog.ts'
import type { CatalogRows } from '../../../../src/protocols/postgres/catalog/rows.ts'
import { maskingScope } from '../../../../src/protocols/postgres/masking/scope.ts'
import { NO_ROWS } from '../../../../src/protocols/postgres/catalog/rows.ts'
import { EMAIL_MASKED, NOTHING_MASKED } from '../../../helpers/postgres-pipeline.ts'

const PEOPLE = '20000'
const ASIDE = '20001'
const rowsOf = (): CatalogRows => ({
  ...NO_ROWS,
  relations: [
    [PEOPLE, 'public', 'people'],
    [ASIDE, 'aside', 'people'],
  ],
  columns: [PEOPLE, ASIDE].flatMap((oid) => [
    [oid, 'id', '1', null, null],
    [oid, 'email', '2', null, null],
  ]),
})
const ID_MASKED = {
  ...EMAIL_MASKED,
  columns: EMAIL_MASKED.columns.map((column) => ({ ...column, column: 'id' })),
}

describe('what sessions share of masking', () => {
  const rows = rowsOf()
  const catalog = buildCatalog(rows)
  const none = new Map()

  it('is one scope for the same plan, catalog and definitions', () => {
    const first = maskingScope(EMAIL_MASKED, catalog, none)
    expect(maskingScope(EMAIL_MASKED, buildCatalog(rows), none)).toBe(first)
  })

  it('is another with another plan', () => {
    maskingScope(EMAIL_MASKED, catalog, none)
    const other = maskingScope(ID_MASKED, catalog, none)
    const masks = [1, 2].map((column) => other.originAt(Number(PEOPLE), column).masks.length)
    expect([other.plan, masks]).toEqual([ID_MASKED, [1, 0]])
    expect(maskingScope(NOTHING_MASKED, catalog, none).plan).toBe(NOTHING_MASKED)
  })

  it('is another with other definitions, and with another reading of the catalogs', () => {
    const first = maskingScope(EMAIL_MASKED, catalog, none)
    expect(maskingScope(EMAIL_MASKED, catalog, new Map())).not.toBe(first)
    expect(maskingScope(EMAIL_MASKED, buildCatalog(rowsOf()), none)).not.toBe(first)
  })

  it('is another where names are looked for elsewhere', () => {
    const [here, there] = (['public', 'aside'] as const).map((schema) =>
      maskingScope(EMAIL_MASKED, buildCatalog(rows, [], ['pg_catalog', schema]), none),
    )
    const named = { schema: undefined, name: 'people' } as never
    const masksOf = (scope: typeof here) => scope?.sources.relation(named).map(({ origin }) => origin.masks.length)
    expect([masksOf(here), masksOf(there)]).toEqual([
      [0, 1],
      [0, 0],
    ])
  })
})
