import { loadModule } from 'libpg-query'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildCatalog } from '../../../../src/protocols/postgres/catalog/build-catalog.ts'
import { FIRST_USER_OID } from '../../../../src/protocols/postgres/catalog/catalog.ts'
import type { CatalogRows } from '../../../../src/protocols/postgres/catalog/rows.ts'
import { CatalogShelf } from '../../../../src/protocols/postgres/catalog/catalog-shelf.ts'
import { resolveFacts } from '../../../../src/protocols/postgres/dialect/command-facts.ts'
import { readDefinitions } from '../../../../src/protocols/postgres/masking/definitions.ts'
import { MaskingScope, taintedRelations } from '../../../../src/protocols/postgres/masking/scope.ts'
import { createSqlParser } from '../../../../src/protocols/postgres/dialect/sql-parser.ts'
import type { MaskingPlan } from '../../../../src/masking/plan.ts'
import { NO_ROWS } from '../../../../src/protocols/postgres/catalog/rows.ts'
import { readSql } from '../../../helpers/read-sql.ts'

/** Catalogs as only a target says that means harm: what is made of them must not take longer than they are long. */
beforeAll(() => loadModule())

const MANY = 30_000
const oid = (index: number): string => String(FIRST_USER_OID + index)
const rowsOf = (more: Partial<CatalogRows>): CatalogRows => ({
  ...NO_ROWS,
  relations: Array.from({ length: MANY }, (_, index) => [oid(index), 'public', `r${index}`]),
  columns: Array.from({ length: MANY }, (_, index) => [oid(index), 'email', '1', null, null]),
  ...more,
})
const plan = {
  columns: [{ schema: '*', table: '*', column: 'email', style: 'redact' }],
  kinds: [],
} as unknown as MaskingPlan
const planOfOne = {
  columns: [{ schema: 'public', table: `r${MANY - 1}`, column: 'email', style: 'redact' }],
  kinds: [],
} as unknown as MaskingPlan

describe('catalogs of a hostile target', () => {
  it('views upon views, in the order that makes them slowest to follow', () => {
    const rows = rowsOf({
      sources: Array.from({ length: MANY - 1 }, (_, index) => [oid(index), oid(index + 1), 'view']),
    })
    expect(taintedRelations(planOfOne, buildCatalog(rows))).toHaveLength(MANY)
  })

  it('partitions of each other', () => {
    const sources = Array.from({ length: MANY - 1 }, (_, index) => [oid(index), oid(index + 1), 'related'])
    expect(taintedRelations(plan, buildCatalog(rowsOf({ sources })))).toHaveLength(MANY)
  })

  it.each([
    ['with no policy', []],
    ['with a policy on one of them', [[oid(5), 'p', 'policy', oid(5), 'email']]],
  ])('views that show each other in a circle, and deeper than anybody has them: %s', (_name, ties) => {
    const catalog = buildCatalog(
      rowsOf({
        ties,
        sources: Array.from({ length: MANY }, (_, index) => [oid(index), oid((index + 1) % MANY), 'view']),
        definitions: Array.from({ length: MANY }, (_, index) => [oid(index), 'digest']),
      }),
    )
    const trees = new Map(
      Array.from({ length: 10_000 }, (_, index) => {
        const [statement] = readSql(`select email from r${(index + 1) % MANY}`)
        return [oid(index), statement?.tree as never]
      }),
    )
    const scope = new MaskingScope(planOfOne, catalog, trees)
    expect(scope.originAt(FIRST_USER_OID, 1).masks.length).toBeGreaterThan(0)
    const parsed = readSql('select email from r0')
    expect(resolveFacts(parsed, catalog, scope).objects.length).toBeLessThan(100 * MANY)
  })

  it('stars upon stars', () => {
    const columns = Array.from({ length: 1600 }, (_, index) => [oid(0), `c${index}`, String(index + 1), null, null])
    const catalog = buildCatalog(rowsOf({ columns }))
    const scope = new MaskingScope(plan, catalog, new Map())
    const parsed = readSql(`select ${Array.from({ length: 5000 }, () => '*').join()} from r0, r0 b, r0 c`)
    expect(resolveFacts(parsed, catalog, scope).lineage[0]?.outputs).toHaveLength(1)
  })

  it('more columns than there can be, and no state', async () => {
    const columns = Array.from({ length: 2000 }, (_, index) => [oid(0), `c${index}`, String(index + 1), null, null])
    expect(() => buildCatalog(rowsOf({ columns }))).toThrow('more columns than there can be')
    await expect(new CatalogShelf().find('x', 'select 1', () => Promise.resolve([[['1', null]]]))).rejects.toThrow(
      'no state',
    )
  })

  it('definitions without end: others are served between them, and no more than enough are read', async () => {
    const parser = await createSqlParser()
    const rows = rowsOf({
      sources: Array.from({ length: MANY - 1 }, (_, index) => [oid(index), oid(MANY - 1), 'view']),
      definitions: Array.from({ length: MANY - 1 }, (_, index) => [oid(index), 'digest']),
    })
    let turns = 0
    const counter = setInterval(() => turns++, 1)
    const text = (index: number): string => `select ${'email, '.repeat(500)} ${index}`
    const trees = await readDefinitions(rows, planOfOne, parser, new Map(), () =>
      Promise.resolve(Array.from({ length: MANY - 1 }, (_, index) => [oid(index), null, text(index), 'digest'])),
    )
    clearInterval(counter)
    expect(trees.size).toBeLessThan(1500)
    expect(turns).toBeGreaterThan(5)
    await parser.close()
  })
})
