import { expect, it } from 'vitest'
import { buildCatalog, isPrepared, prepareCatalog } from '../../../../src/protocols/postgres/catalog/build-catalog.ts'
import { findRelation } from '../../../../src/protocols/postgres/catalog/catalog.ts'
import { NO_ROWS } from '../../../../src/protocols/postgres/catalog/rows.ts'

const rows = () => ({
  ...NO_ROWS,
  relations: [
    ['20000', 'public', 'people', 'r'],
    ['20001', 'audit', 'people', 'r'],
  ],
})

it('sessions share the catalog of the same rows, under the same path and what was declared safe', () => {
  const same = rows()
  expect(buildCatalog(same, ['f'], ['public'])).toBe(buildCatalog(same, ['f'], ['public']))
  expect(buildCatalog(same, [], ['public'])).not.toBe(buildCatalog(same, ['f'], ['public']))
  expect(buildCatalog(rows(), ['f'], ['public'])).not.toBe(buildCatalog(same, ['f'], ['public']))
})

it('a name is found in the first schema of the path that has it, the system’s first', () => {
  const catalog = buildCatalog(rows(), [], ['audit', 'public'])
  const find = (name: string, schema?: string) => findRelation(catalog, { schema, name })?.name
  expect([find('people'), find('people', 'public'), find('nobody')]).toEqual([
    'audit.people',
    'public.people',
    undefined,
  ])
  expect(findRelation(buildCatalog(rows(), [], ['public', 'audit']), { schema: undefined, name: 'people' })?.name).toBe(
    'public.people',
  )
})

it('a catalog that is made ahead is the one that is built then', async () => {
  const ahead = rows()
  expect(isPrepared(ahead)).toBe(false)
  await Promise.all([prepareCatalog(ahead), prepareCatalog(ahead)])
  expect([isPrepared(ahead), isPrepared(ahead, ['f'])]).toEqual([true, false])
  expect(buildCatalog(ahead).byOid.get(20000)?.name).toBe('public.people')
})
