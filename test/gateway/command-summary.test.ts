import { expect, it } from 'vitest'
import { summaryOf } from '../../src/gateway/command-summary.ts'
import { policyLanguage } from '../../src/protocols/policy-language.ts'
import { hostStatement } from '../../src/host/command/host-statement.ts'
import { sqlStatement } from '../helpers/sql-statement.ts'

it('lists each item once, over all statements', () => {
  const statements = [
    sqlStatement({ kinds: ['select'], reads: ['public.a', 'public.b'] }),
    sqlStatement({ kinds: ['update', 'select'], reads: ['public.a'], writes: ['public.b'], unknown: ['f()'] }),
  ]
  expect(summaryOf(statements, policyLanguage)).toEqual({
    kinds: ['select', 'update'],
    reads: ['public.a', 'public.b'],
    writes: ['public.b'],
    unknown: ['f()'],
    operations: [],
  })
})

it('counts what only the program knows as unknown', () => {
  const statements = [hostStatement('root', { kinds: ['exec'], unknown: ['a'], opaque: ['b'] })]
  expect(summaryOf(statements, policyLanguage).unknown).toEqual(['a', 'b'])
})

it('is computed once for the same statements', () => {
  const statements = [sqlStatement({})]
  expect(summaryOf(statements, policyLanguage)).toBe(summaryOf(statements, policyLanguage))
})
