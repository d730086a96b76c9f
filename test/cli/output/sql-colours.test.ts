import { stripVTControlCharacters } from 'node:util'
import { Chalk } from 'chalk'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { colouredSql } from '../../../src/cli/output/sql-colours.ts'
import { sampledRuns } from '../../helpers/sampled.ts'

const style = new Chalk({ level: 1 })
const green = (text: string): string => style.green(text)

it.each([
  ["set status='x'", `${style.cyan('set')} status=${green("'x'")}`],
  ["'it''s' e", `${green("'it''s'")} e`],
  ["'a\nb'", `${green("'a")}\n${green("b'")}`],
  ["$q$ 'x' $q$", green("$q$ 'x' $q$")],
  ['"from" -- select', '"from" -- select'],
])('%s has its colours', (text, expected) => {
  expect(colouredSql(text, style)).toBe(expected)
})

it('nothing but colours is added, and nothing left out', () => {
  const part = fc.constantFrom("'", '"', '$', '$a$', '`', '\n', ' ', '--', '/*', '*/', 'select', 'x', 'E', '0', ';')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 24 }), (parts) => {
      const text = parts.join('')
      expect(stripVTControlCharacters(colouredSql(text, style))).toBe(text)
    }),
    { numRuns: sampledRuns(1000) },
  )
})
