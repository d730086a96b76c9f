import { expect, it } from 'vitest'
import { isCostlyToScan } from '../../../../src/protocols/postgres/dialect/scan-cost.ts'

it.each([
  ['select 1' + '/**/'.repeat(16_000), true],
  ['/*'.repeat(16_000) + '*/'.repeat(16_000) + 'select 1', true],
  [`select 1${`${'/**/'.repeat(500)} `.repeat(200)}`, true],
  ['/* */'.repeat(16_000) + 'select 1', false],
  [`select '${'-'.repeat(100_000)}'`, false],
  [`${'-'.repeat(100_000)}\nselect 1`, false],
  [`/${'*'.repeat(100_000)}/ select 1`, false],
  ['select 1/**//**//**/', false],
])('%#', (sql, isCostly) => {
  expect(isCostlyToScan(sql)).toBe(isCostly)
})
