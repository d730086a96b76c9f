import { expect, it } from 'vitest'
import { keysOf, mapValues } from '../../src/shared/records.ts'

it('a record has its own keys, in order', () => {
  expect(keysOf(Object.assign(Object.create({ inherited: 0 }) as object, { b: 1, a: 2 }))).toEqual(['b', 'a'])
})

it('each key has another value, which may depend on the key', () => {
  expect(mapValues({ a: 1, b: 2 }, (value, key) => `${key}${value}`)).toEqual({ a: 'a1', b: 'b2' })
})
