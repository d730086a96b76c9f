import { expect, it } from 'vitest'
import { buildCatalog } from '../../../../../src/protocols/postgres/catalog/build-catalog.ts'
import { showsNames } from '../../../../../src/protocols/postgres/gateway/lane/known-statement.ts'
import { maskingScope } from '../../../../../src/protocols/postgres/masking/scope.ts'
import { PLAIN, repeated } from '../../../../../src/sql/lineage/origin.ts'
import { NO_ROWS } from '../../../../../src/protocols/postgres/catalog/rows.ts'
import { EMAIL_MASKED, NOTHING_MASKED } from '../../../../helpers/postgres-pipeline.ts'

const catalog = buildCatalog(NO_ROWS)
const masked = maskingScope(EMAIL_MASKED, catalog, new Map())
const open = maskingScope(NOTHING_MASKED, catalog, new Map())
const column = { name: 'email', origin: masked.anything }

it.each([
  ['names that the text says', [column], 'none', true],
  ['as many columns as there may be, of nothing that is masked', [repeated(PLAIN)], 'none', true],
  ['as many columns as there may be, of what is masked', [column, repeated(masked.anything)], 'none', false],
  ['columns that nobody has read', undefined, 'none', false],
  ['a text that may say anything', [column], 'any', false],
] as const)('%s: whether they pass as the server says them', (_, outputs, errorExposure, passes) => {
  const names = { errorExposure, outputs } as Parameters<typeof showsNames>[0]
  expect([showsNames(names, masked), showsNames(names, open)]).toEqual([passes, true])
})
