import { expect, it } from 'vitest'
import { decidingParts } from '../../../../../src/protocols/postgres/gateway/server-reading/deciding-parts.ts'
import { isNode, readNodeTree } from '../../../../../src/protocols/postgres/gateway/server-reading/node-tree.ts'

/** The names of the parts; a part is a node that has nothing else. */
const partsOf = (text: string): string[] =>
  decidingParts(readNodeTree(text)).flatMap((value) => (isNode(value) ? [value.tag] : []))

it.each([
  [
    'conditions, also of joins within joins',
    ':jointree {FROMEXPR :quals {A} :fromlist ({JOINEXPR :quals {B} :larg {JOINEXPR :quals {C}}})}',
    ['A', 'B', 'C'],
  ],
  ['HAVING and limits', ':havingQual {A} :limitOffset {B} :limitCount {C}', ['A', 'B', 'C']],
  ['conditions of MERGE', ':mergeJoinCondition {A} :mergeActionList ({X :qual {B}})', ['A', 'B']],
  [
    'what ON CONFLICT looks at',
    ':onConflict {X :arbiterElems {A} :arbiterWhere {B} :onConflictWhere {C}}',
    ['A', 'B', 'C'],
  ],
  [
    'what rows are sorted by',
    ':sortClause ({SORTGROUPCLAUSE :tleSortGroupRef 2}) :targetList ({T :ressortgroupref 1 :expr {A}} {T :ressortgroupref 2 :expr {B}})',
    ['B'],
  ],
  [
    'what windows are made by',
    ':windowClause ({WINDOWCLAUSE :orderClause ({SORTGROUPCLAUSE :tleSortGroupRef 1})}) :targetList ({T :ressortgroupref 1 :expr {A}})',
    ['A'],
  ],
  ['nothing of a plain list', ':targetList ({T :ressortgroupref 0 :expr {A}})', []],
])('%s decide which rows there are', (_what, fields, parts) => {
  expect(partsOf(`{QUERY ${fields}}`)).toEqual(parts)
})
