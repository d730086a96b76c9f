import { expect, it } from 'vitest'
import { checkField } from '../../../../src/protocols/http/policy/masked-fields.ts'

it.each([
  '/customers/{id}:/email',
  '*:/**/iban',
  'getCustomer:/a/b',
  'customers/get:/email',
  'GET /customers/{id}:/email',
])('takes %s', (field) => {
  expect(checkField(field)).toBeUndefined()
})

it.each([
  ['customers/{id}:/email', 'must begin with a slash'],
  ['/a/../b:/email', 'no request is for it'],
  [' getCustomer:/email', 'without blanks around it'],
  ['getCustomer:email', 'expected ROUTE:POINTER'],
  ['getCustomer', 'expected ROUTE:POINTER'],
])('refuses %s', (field, why) => {
  expect(checkField(field)).toContain(why)
})
