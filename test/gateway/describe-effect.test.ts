import { expect, it } from 'vitest'
import { describeEffect } from '../../src/gateway/describe-effect.ts'
import { policyLanguage } from '../../src/protocols/policy-language.ts'
import { hostStatement } from '../../src/host/command/host-statement.ts'
import { sqlStatement } from '../helpers/sql-statement.ts'

it.each([
  [sqlStatement({ kinds: ['select'], reads: ['public.orders'] }), 'SELECT, reads public.orders'],
  [
    sqlStatement({ kinds: ['delete'], writes: ['public.orders'], missingWhere: true }),
    'DELETE, writes public.orders, without WHERE',
  ],
  [sqlStatement({ kinds: ['do'], unknown: ['DO', 'a'] }), 'DO, effect not verifiable: DO; a'],
  [hostStatement('root', { kinds: ['exec'], argv: ['cat'], reads: ['/etc/passwd'] }), 'cat, reads /etc/passwd'],
  [hostStatement('root', { kinds: ['exec'], argv: ['rm'], writes: ['**'] }), 'rm, writes any path'],
  [
    hostStatement('root', { kinds: ['exec'], argv: ['x'], opaque: ['x is not known'] }),
    'x, effect not verifiable: x is not known',
  ],
])('%#: what an approver is told', (statement, text) => {
  expect(describeEffect(statement, policyLanguage)).toBe(text)
})
