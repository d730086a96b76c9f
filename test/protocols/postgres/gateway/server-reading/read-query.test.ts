import { describe, expect, it } from 'vitest'
import {
  readNodeTree,
  TreeError,
  type TreeNode,
} from '../../../../../src/protocols/postgres/gateway/server-reading/node-tree.ts'
import { readQueryTree } from '../../../../../src/protocols/postgres/gateway/server-reading/read-query.ts'

const failure = (text: string): string => {
  try {
    readQueryTree(readNodeTree(text))
  } catch (error) {
    if (error instanceof TreeError) return error.message
    throw error
  }
  return 'none'
}

const field = (text: string, name: string): unknown => readNodeTree(text).fields.get(name)

const QUERY = `{QUERY :commandType 1 :utilityStmt <> :cteList <> :rtable ({RANGETBLENTRY :alias <> :eref {ALIAS
:aliasname t :colnames ("id" "a\\ b")} :rtekind 0 :relid 16384}) :jointree {FROMEXPR :fromlist ({RANGETBLREF
:rtindex 1}) :quals {OPEXPR :opno 98 :opfuncid 67 :args ({VAR :varno 1 :varattno 2 :varlevelsup 0} {CONST
:consttype 25 :constvalue 5 [ 20 0 0 0 120 ]})}} :targetList ({TARGETENTRY :expr {FUNCEXPR :funcid 871
:funcformat 0 :args ({VAR :varno 1 :varattno 1 :varlevelsup 0})} :resno 1 :resjunk false})}`

describe('the tree of a query', () => {
  it('is read as the server would read it back', () => {
    const { outputs, columns, deciding, functions, relations } = readQueryTree(readNodeTree(QUERY))
    expect(outputs).toEqual([new Set(['16384.1'])])
    expect(columns).toEqual(new Set(['16384.1', '16384.2']))
    expect(deciding).toEqual(new Set(['16384.2']))
    expect([...functions]).toEqual([
      [67, 'implied'],
      [871, 'named'],
    ])
    expect([...relations]).toEqual([[16_384, 'read']])
  })

  it('gives a name that looks like a label, a bracket or nothing as that name', () => {
    expect(field('{ALIAS :aliasname :relid :colnames <>}', 'aliasname')).toBe(':relid')
    expect(field('{ALIAS :aliasname \\{QUERY\\ x\\} :colnames <>}', 'aliasname')).toBe('\\{QUERY\\ x\\}')
    expect(field('{ALIAS :aliasname \\<> :colnames <>}', 'aliasname')).toBe('\\<>')
    expect(field('{ALIAS :aliasname a\\\nb :colnames <>}', 'aliasname')).toBe('a\\\nb')
  })

  it.each([
    ['', 'it ends early'],
    ['{QUERY', 'it ends early'],
    ['{QUERY :a', 'it ends early'],
    ['{QUERY :a 1} x', 'it is not a tree'],
    ['(1 2)', 'it is not a tree'],
    ['{QUERY :a }', 'a bracket closes what was not opened'],
    ['{QUERY a 1}', 'QUERY has a field without a name'],
    ['{QUERY :a 1 :a 2}', 'QUERY has a field twice'],
    ['{query :a 1}', 'a node in it has no name'],
    ['{CONST :constvalue 4 1}', 'a constant has no value'],
    [`{QUERY :a ${'('.repeat(3000)}`, 'it is too large'],
    [`{ALIAS :aliasname\n${'x\\{'.repeat(30).slice(0, 78)}\nx}`, 'a name in it is too long'],
    ['{ALIAS :a 1}', 'it is not a query'],
    ['{QUERY :commandType 6}', 'it is neither a query nor a write of rows'],
    ['{QUERY :commandType 5 :mergeActionList <>}', 'it is neither a query nor a write of rows'],
    ['{QUERY :commandType x}', 'QUERY has no commandType'],
    [QUERY.replace(':rtekind 0', ':rtekind 77'), 'an item of FROM is not known'],
    [QUERY.replace(':varno 1', ':varno 9'), 'an item of FROM is missing'],
    [QUERY.replace(':varlevelsup 0', ':varlevelsup 3'), 'a column of no query'],
  ])('fails: %s', (text, reason) => {
    expect(failure(text)).toBe(reason)
  })

  it('never breaks, whatever is cut out or put in', () => {
    let state = 7
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return state % below
    }
    const pieces = [
      '{',
      '}',
      '(',
      ')',
      ' <> ',
      ' :rtekind 6 ',
      '\\',
      '"',
      '{QUERY :commandType 1}',
      ' 99999999999 ',
      '\n',
      ' i ',
      '[ ',
    ]
    for (let round = 0; round < 20_000; round++) {
      let text = QUERY
      for (let change = 0; change <= random(3); change++) {
        const at = random(text.length)
        text = text.slice(0, at) + (pieces[random(pieces.length)] as string) + text.slice(at + random(8))
      }
      failure(text)
    }
  })

  it('follows a recursive query until it does not grow', () => {
    const cte = (tree: string): string =>
      `{QUERY :commandType 1 :cteList ({COMMONTABLEEXPR :ctename r :search_clause <> :cycle_clause <> :ctequery ${tree}}) :rtable ({RTE :rtekind 6 :ctename r :ctelevelsup 0}) :jointree <> :targetList ({TARGETENTRY :expr {VAR :varno 1 :varattno 2 :varlevelsup 0} :resjunk false})}`
    const side = (entry: string, ...attributes: number[]): string =>
      `{RTE :rtekind 1 :subquery {QUERY :commandType 1 :rtable (${entry}) :jointree <> :targetList (${attributes.map((attribute) => `{TARGETENTRY :expr {VAR :varno 1 :varattno ${attribute} :varlevelsup 0} :resjunk false}`).join(' ')})}}`
    const union = `{QUERY :commandType 1 :rtable (${side('{RTE :rtekind 0 :relid 20000}', 1, 2)} ${side('{RTE :rtekind 6 :ctename r :ctelevelsup 2}', 2, 1)}) :jointree <> :targetList <> :setOperations {SETOPERATIONSTMT :op 1 :all true :larg {RANGETBLREF :rtindex 1} :rarg {RANGETBLREF :rtindex 2}}}`
    expect(readQueryTree(readNodeTree(cte(union)) satisfies TreeNode).outputs).toEqual([
      new Set(['20000.1', '20000.2']),
    ])
  })
})
