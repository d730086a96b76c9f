import { describe, expect, it } from 'vitest'
import { isBounded, isLiteral } from '../../src/sql/bounded.ts'
import type { Expression } from '../../src/sql/query.ts'

const node = (kind: string, more: object = {}): Expression => ({ kind, ...more }) as unknown as Expression
const constant = (value: string, type = 'text'): Expression => node('constant', { type, value })
const call = (name: string, ...args: readonly Expression[]): Expression => node('call', { name: { name }, args })
const bounds = { shrinks: new Set(['lower']), hasCollections: false }

describe('what does not grow', () => {
  it.each<[string, Expression, boolean]>([
    ['a column', node('column'), true],
    ['a function that shrinks', call('lower', node('column')), true],
    ['a function that is not listed', call('repeat', node('column')), false],
    ['a function that shrinks what grows', call('lower', call('repeat', node('column'))), false],
    ['a cast of a parameter', node('cast', { arg: node('parameter') }), true],
    ['a cast of what grows', node('cast', { arg: call('repeat') }), false],
    ['an operation on columns', node('operation', { args: [node('column'), constant('a')] }), true],
    ['an operation on what grows', node('operation', { args: [node('column'), call('repeat')] }), false],
    ['a test of what grows', node('test', { args: [call('repeat')] }), true],
    ['a row', node('row', { args: [node('column')] }), false],
    ['a subquery', node('subquery'), false],
    ['what is not known', node('opaque'), false],
  ])('%s', (_, expression, expected) => expect(isBounded(expression, bounds)).toBe(expected))

  it.each<[readonly Expression[], boolean]>([
    [[node('column')], true],
    [[call('repeat')], false],
  ])('rows and arrays, where there are any: as what is in them', (args, expected) => {
    const some = { ...bounds, hasCollections: true }
    for (const kind of ['row', 'array']) expect(isBounded(node(kind, { args }), some)).toBe(expected)
  })

  it('literals are short constants', () => {
    expect(isLiteral(constant('a'.repeat(1000)))).toBe(true)
    expect(isLiteral(constant('a'.repeat(1001)))).toBe(false)
    expect([isLiteral(constant('', 'null')), isLiteral(node('column')), isLiteral(undefined)]).toEqual([
      false,
      false,
      false,
    ])
  })
})
