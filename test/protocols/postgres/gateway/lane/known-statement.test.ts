import { expect, it } from 'vitest'
import { buildCatalog } from '../../../../../src/protocols/postgres/catalog/build-catalog.ts'
import {
  rewritesOf,
  showsNames,
  type KnownStatement,
} from '../../../../../src/protocols/postgres/gateway/lane/known-statement.ts'
import { maskingScope } from '../../../../../src/protocols/postgres/masking/scope.ts'
import { PLAIN, repeated } from '../../../../../src/sql/lineage/origin.ts'
import { NO_ROWS } from '../../../../../src/protocols/postgres/catalog/rows.ts'
import { EMAIL_MASKED, HARMLESS, NOTHING_MASKED } from '../../../../helpers/postgres-pipeline.ts'

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

it('its rows are rewritten by what is masked now, whatever was masked when they were last', () => {
  const columns = [
    { name: 'email', tableOid: 0, attribute: 0, typeOid: 25, typeSize: -1, typeModifier: -1, format: 0 } as const,
  ]
  const known = { comesAs: 'query', prepared: { columns }, facts: HARMLESS } as unknown as KnownStatement
  const keys = { session: Buffer.alloc(32), target: Buffer.alloc(32) }
  const passes = [open, masked, open].map((scope) => rewritesOf(known, scope, keys) === 'untouched')
  expect(passes).toEqual([true, false, true])
})
