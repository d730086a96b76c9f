import { expect, it } from 'vitest'
import { fieldOf, itemsOf } from '../../../../src/protocols/postgres/dialect/tree-fields.ts'

it('reads fields and lists of whatever is there', () => {
  expect(fieldOf({ A_Const: { ival: 1 } }, 'A_Const')).toEqual({ ival: 1 })
  for (const part of [undefined, null, 'text', 1, {}]) expect(fieldOf(part, 'A_Const')).toBeUndefined()
  expect(itemsOf([1, 2])).toEqual([1, 2])
  for (const part of [undefined, null, 'text', {}]) expect(itemsOf(part)).toEqual([])
})
