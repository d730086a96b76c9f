import { expect, it } from 'vitest'
import { CalledCode } from '../../../../../src/protocols/postgres/gateway/server-reading/called-code.ts'
import { readNodeTree } from '../../../../../src/protocols/postgres/gateway/server-reading/node-tree.ts'

const codeOf = (text: string, isBuilt = false): CalledCode => {
  const code = new CalledCode()
  code.take(readNodeTree(text), isBuilt)
  return code
}

it.each([
  ['a call', '{FUNCEXPR :funcid 871 :funcformat 0}', false, 'named'],
  ['a cast', '{FUNCEXPR :funcid 871 :funcformat 1}', false, 'implied'],
  ['SQL/JSON syntax', '{FUNCEXPR :funcid 871 :funcformat 0}', true, 'implied'],
  ['an operator', '{OPEXPR :opno 98 :opfuncid 871}', false, 'implied'],
])('%s calls a function', (_what, text, isBuilt, how) => {
  expect([...codeOf(text, isBuilt).functions]).toEqual([[871, how]])
})

it('a function that the text names once stays named', () => {
  const code = codeOf('{FUNCEXPR :funcid 871 :funcformat 0}')
  code.take(readNodeTree('{OPEXPR :opno 98 :opfuncid 871}'), false)
  expect(code.functions.get(871)).toBe('named')
})

it('of operators, families, methods and types those count that are not built in', () => {
  const { operators, families, methods, types } = codeOf(
    '{CONST :opno 16400 :eqop 98 :opfamilies (1 16401) :opclass 16402 :consttype 16403}',
  )
  expect([operators, families, methods, types].map((found) => [...found])).toEqual([[16400], [16401], [16402], [16403]])
})

it('a conversion by way of text runs code of both types', () => {
  expect([...codeOf('{COERCEVIAIO :resulttype 16410 :arg {VAR :vartype 16411}}').types]).toEqual([16410, 16411])
})

it('the type of a parameter that the server made for a subquery is none of the text', () => {
  expect([...codeOf('{PARAM :paramkind 0 :paramtype 16410}').types]).toEqual([16410])
  expect([...codeOf('{PARAM :paramkind 1 :paramtype 16410}').types]).toEqual([])
})
