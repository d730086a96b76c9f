import fc from 'fast-check'
import { expect, it } from 'vitest'
import { repeatsField } from '../../src/shared/json-fields.ts'

it('finds no field twice in what is written from a value', () => {
  fc.assert(
    fc.property(fc.json(), (text) => !repeatsField(text, JSON.parse(text))),
    { numRuns: 100 },
  )
})

it.each(['{"a":1,"a":1}', '{"x":[{"a":{},"b":1,"a":{}}]}', '{"":1,"":2}', '{ "a" : 1 , "\\u0061" : 2 }'])(
  'finds one in %s',
  (text) => {
    expect(repeatsField(text, JSON.parse(text))).toBe(true)
  },
)
