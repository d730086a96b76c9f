import { expect, it } from 'vitest'
import { readNodeTree } from '../../../../../src/protocols/postgres/gateway/server-reading/node-tree.ts'
import {
  compares,
  entryAt,
  kindOf,
  leavesOf,
  listOf,
  numberOf,
} from '../../../../../src/protocols/postgres/gateway/server-reading/query-nodes.ts'

it.each([
  ['{QUERY :commandType 1}', 'select'],
  ['{QUERY :commandType 4}', 'delete'],
  ['{QUERY :commandType 5 :mergeActionList ({X :a 1})}', 'merge'],
])('%s is a %s', (text, kind) => {
  expect(kindOf(readNodeTree(text))).toBe(kind)
})

it.each(['{QUERY :commandType 5}', '{QUERY :commandType 6}', '{QUERY :commandType 0}'])('%s is refused', (text) => {
  expect(() => kindOf(readNodeTree(text))).toThrow('it is neither a query nor a write of rows')
})

it('items of FROM are counted from 1; another node there is none', () => {
  const query = readNodeTree('{QUERY :rtable ({RTE :relid 7} {ALIAS :a 1})}')
  expect(numberOf(entryAt(query, 1), 'relid')).toBe(7)
  for (const index of [0, 2, 3]) expect(() => entryAt(query, index)).toThrow('an item of FROM is missing')
})

it('fields that are not there are 0 and no list; what is no number is refused', () => {
  const node = readNodeTree('{A :b x}')
  expect([numberOf(node, 'c'), listOf(node, 'b')]).toEqual([0, []])
  expect(() => numberOf(node, 'b')).toThrow('A has no b')
})

it('a set operation has the queries below it, and only UNION ALL compares no rows', () => {
  const leaf = (index: number): string => `{RANGETBLREF :rtindex ${index}}`
  const operation = (all: boolean, op: number, right = leaf(2)): ReturnType<typeof readNodeTree> =>
    readNodeTree(`{SETOPERATIONSTMT :op ${op} :all ${all} :larg ${leaf(1)} :rarg ${right}}`)
  expect(leavesOf(operation(true, 1))).toEqual([1, 2])
  expect([operation(true, 1), operation(false, 1), operation(true, 2)].map(compares)).toEqual([false, true, true])
  const inner = `{SETOPERATIONSTMT :op 3 :all false :larg ${leaf(2)} :rarg ${leaf(3)}}`
  expect([leavesOf(operation(true, 1, inner)), compares(operation(true, 1, inner))]).toEqual([[1, 2, 3], true])
  expect(() => leavesOf(readNodeTree('{QUERY :a 1}'))).toThrow('a set operation is not known')
})
