import { expect, it } from 'vitest'
import { printedTree } from '../../../../../src/protocols/postgres/gateway/server-reading/printed-tree.ts'

const TREE = { S: 'LOG', V: 'LOG', C: '00000', M: 'parse tree:', D: '{QUERY}', R: 'elog_node_display' }
const notice = (fields: Record<string, string>): Buffer =>
  Buffer.from(
    `${Object.entries(fields)
      .map(([code, value]) => `${code}${value}\0`)
      .join('')}\0`,
  )

it.each([
  ['the tree', {}, '{QUERY}'],
  ['a rewritten one', { M: 'rewritten parse tree:' }, undefined],
  ['one that is translated', { S: 'PROTOKOLL' }, '{QUERY}'],
  ['a notice of a function that looks like it', { V: 'NOTICE' }, undefined],
  ['a LOG of another function of the server', { R: 'exec_stmt_raise' }, undefined],
])('%s', (_, more, tree) => {
  expect(printedTree(notice({ ...TREE, ...more }))).toBe(tree)
})
