import { loadModule } from 'libpg-query'
import { beforeAll, describe, expect, it } from 'vitest'
import { skipsOf } from '../../src/sql/evaluation.ts'
import type { Expression } from '../../src/sql/query.ts'
import { readSql } from '../helpers/read-sql.ts'

beforeAll(() => loadModule())

function targetOf(text: string): Expression {
  const tree = readSql(`select ${text} from t`)[0]?.tree
  if (tree?.kind !== 'select') throw new Error(text)
  return tree.targets[0]?.value as Expression
}
const names = (nodes: readonly Expression[]): string[] =>
  nodes.map((node) => (node.kind === 'column' ? (node.path.at(-1) as string) : node.kind))

describe('parts that are skipped depending on others', () => {
  it.each<[string, string, string[], string[]]>([
    ['a and b', 'AND or OR', ['a', 'b'], ['a', 'b']],
    ['a or b', 'AND or OR', ['a', 'b'], ['a', 'b']],
    ['coalesce(a, b)', 'COALESCE', ['a', 'b'], ['a', 'b']],
    ['case a when b then c else d end', 'CASE', ['a', 'b'], ['b', 'c', 'd']],
    ['case when a then b end', 'CASE', ['a'], ['a', 'b']],
    ['a in (b, c)', 'IN', ['a', 'b', 'c'], ['a', 'b', 'c']],
    ['a between b and c', 'BETWEEN', ['a', 'b', 'c'], ['a', 'b', 'c']],
    ['(a, b) < (c, d)', 'a comparison of rows', ['row', 'row'], ['row', 'row']],
    ['f(a) filter (where b)', 'FILTER', ['b'], ['call']],
  ])('%s', (text, place, decides, skipped) => {
    const skips = skipsOf(targetOf(text))
    expect(skips?.place).toBe(place)
    expect(names(skips?.decides ?? [])).toEqual(decides)
    expect(names(skips?.skipped ?? [])).toEqual(skipped)
  })

  it('an aggregate is left out without what decides on it', () => {
    expect(skipsOf(targetOf('f(a) filter (where b)'))?.skipped[0]).toMatchObject({ filter: undefined })
  })

  it.each([
    'a',
    '1',
    '$1',
    'f(a, b)',
    'not a',
    'a + b',
    'a = b',
    'a::text',
    'greatest(a, b)',
    'a is null',
    'row(a, b)',
  ])('of %s nothing', (text) => {
    expect(skipsOf(targetOf(text))).toBeUndefined()
  })
})
