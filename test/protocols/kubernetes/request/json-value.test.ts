import { expect, it } from 'vitest'
import { emptyObject, isList, isObject } from '../../../../src/protocols/kubernetes/request/json-value.ts'
import { groupOf } from '../../../../src/protocols/kubernetes/request/resources.ts'

it('tells objects, lists and everything else apart', () => {
  const values = [{}, emptyObject(), [], null, undefined, 'a', 1, true]
  expect(values.map(isObject)).toEqual([true, true, false, false, false, false, false, false])
  expect(values.map(isList)).toEqual([false, false, true, false, false, false, false, false])
})

it('makes objects in which no name leads to a prototype', () => {
  const object = emptyObject()
  expect('constructor' in object).toBe(false)
  object['__proto__'] = 1
  expect(Object.keys(object)).toEqual(['__proto__'])
})

it.each([
  ['v1', ''],
  ['', ''],
  ['apps/v1', 'apps'],
  ['a/b/c', 'a'],
  ['/v1', ''],
])('reads the group of the apiVersion %j as %j', (apiVersion, group) => {
  expect(groupOf(apiVersion)).toBe(group)
})
