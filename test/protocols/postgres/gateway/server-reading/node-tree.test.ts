import { describe, expect, it } from 'vitest'
import {
  isNode,
  readNodeTree,
  TreeError,
} from '../../../../../src/protocols/postgres/gateway/server-reading/node-tree.ts'

describe('a tree that the server printed', () => {
  it('has nodes, lists, tokens and nothing', () => {
    const tree = readNodeTree(
      '{QUERY :commandType 1 :rtable ({RTE :relid 16384} <>) :empty () :columns (b 8 9)\n :name a\\ b\\}}',
    )
    expect(tree.tag).toBe('QUERY')
    expect(Object.fromEntries(tree.fields)).toEqual({
      commandType: '1',
      rtable: [{ tag: 'RTE', fields: new Map([['relid', '16384']]) }, null],
      empty: [],
      columns: ['b', '8', '9'],
      name: 'a\\ b\\}',
    })
    expect((tree.fields.get('rtable') as unknown[]).map((value) => isNode(value as never))).toEqual([true, false])
  })

  it('a name that looks like a label is the value of the label before it', () => {
    expect(readNodeTree('{A :name :relid :relid 7}').fields).toEqual(
      new Map([
        ['name', ':relid'],
        ['relid', '7'],
      ]),
    )
  })

  it('of a constant nobody asks for the bytes', () => {
    expect(readNodeTree('{CONST :constvalue 4 [ 24 0 -1 127 ] :location 7}').fields).toEqual(
      new Map([
        ['constvalue', 'value'],
        ['location', '7'],
      ]),
    )
    expect(readNodeTree('{CONST :constvalue <>}').fields.get('constvalue')).toBeNull()
  })

  it.each([
    ['nothing', ''],
    ['a token', 'x'],
    ['a list', '({A})'],
    ['two trees', '{A} {B}'],
    ['something behind it', '{A} x'],
    ['an end that is missing', '{A :b ('],
    ['a list that a node closes', '{A :b (}'],
    ['a bracket too many', '{A :b )}'],
    ['a node without a name', '{ :a 1}'],
    ['a name that is none', '{a :b 1}'],
    ['a value without a label', '{A b}'],
    ['a label without a value', '{A :b}'],
    ['a field twice', '{A :b 1 :b 2}'],
    ['bytes that are none', '{CONST :constvalue 4 [ 24 x ]}'],
    ['bytes that are missing', '{CONST :constvalue 4}'],
    ['a token that fills a line', `{A :b\n ${'x'.repeat(80)}\n :c 1}`],
    ['a depth without end', `{A :b ${'('.repeat(3000)}${')'.repeat(3000)}}`],
  ])('%s is none', (_, printed) => {
    expect(() => readNodeTree(printed)).toThrow(TreeError)
  })

  it('is not longer than four megabytes', () => {
    expect(() => readNodeTree(`{A :b (${'1 '.repeat(2_200_000)})}`)).toThrow('it is too long')
    expect(() => readNodeTree(`{A :b (${'1 '.repeat(600_000)})}`)).toThrow('it is too large')
  })
})
