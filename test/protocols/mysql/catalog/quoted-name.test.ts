import { expect, it } from 'vitest'
import { quotedName } from '../../../../src/protocols/mysql/catalog/quoted-name.ts'

it('quotes a name so that it cannot end early', () => {
  expect(quotedName('people')).toBe('`people`')
  expect(quotedName('a`; DROP TABLE b; -- ')).toBe('`a``; DROP TABLE b; -- `')
  expect(quotedName('``')).toBe('``````')
})
