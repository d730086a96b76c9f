import fc from 'fast-check'
import { expect, it } from 'vitest'
import { readPathTemplate, relationOf, requestOnBoth } from '../../../../src/protocols/http/openapi/path-template.ts'
import { matchesSteps } from '../../../../src/protocols/http/policy/routes.ts'

const stepsOf = (path: string): readonly string[] => {
  const read = readPathTemplate(path)
  if ('failure' in read) throw new Error(`${path}: ${read.failure}`)
  return read.steps
}

it.each([
  ['/', ['']],
  ['/orders/', ['orders', '']],
  ['/orders/{order_id}', ['orders', '{order_id}']],
  ['/files/{name}.{ext}', ['files', '{name}.{ext}']],
  ['/v1/{id}:cancel', ['v1', '{id}:cancel']],
  ['/a%20b/{x}', ['a b', '{x}']],
])('takes %s apart', (path, steps) => {
  expect(readPathTemplate(path)).toEqual({ steps })
})

it.each([
  ['orders', 'must begin with a slash'],
  ['/a?x={y}', 'no query'],
  ['/a#b', 'no fragment'],
  ['/{id', 'brace'],
  ['/id}', 'brace'],
  ['/{a{b}}', 'brace'],
  ['/{}', 'names of parameters'],
  ['/{path+}', 'names of parameters'],
  ['/{id:[0-9]+}', 'names of parameters'],
  ['/{name=projects/*}', 'brace'],
  ['/a//b', 'no request is for it'],
  ['/../a', 'no request is for it'],
  ['/a;v=1', 'no request is for it'],
  ['/a%2Fb', 'no request is for it'],
  ['/a%zz', 'not UTF-8'],
])('refuses %s', (path, why) => {
  expect(readPathTemplate(path)).toMatchObject({ failure: expect.stringContaining(why) as string })
})

it.each([
  ['/a/{x}', '/a/{y}', 'same'],
  ['/a/me', '/a/{x}', 'inside'],
  ['/a/{x}', '/a/me', 'around'],
  ['/a/{x}', '/b/{x}', 'apart'],
  ['/a/{x}', '/a/{x}/b', 'apart'],
  ['/a/', '/a/{x}', 'apart'],
  ['/{x}/me', '/books/{y}', 'crossing'],
  ['/a/{x}.json', '/a/{x}', 'inside'],
  ['/a/{x}.json', '/a/{x}.xml', 'apart'],
  ['/a/{x}.json', '/a/{x}.{y}', 'inside'],
  ['/a/x-{y}', '/a/{y}-z', 'crossing'],
  ['/a/b.json', '/a/{x}.json', 'inside'],
])('says how %s is to %s: %s', (one, other, relation) => {
  expect(relationOf(stepsOf(one), stepsOf(other))).toBe(relation)
})

it.each([
  ['/{x}/me', '/books/{y}', '/books/me'],
  ['/a/x-{y}', '/a/{y}-z', '/a/x-z'],
  ['/{a}-{b}/c', '/x{d}y/{e}', 'some request'],
])('names a request that is on %s and on %s: %s', (one, other, request) => {
  expect(requestOnBoth(stepsOf(one), stepsOf(other))).toBe(request)
})

const step = fc.oneof(fc.constantFrom('a', 'b', 'a.b', '{x}', '{x}.b', 'a{x}', '{x}a{y}', 'a{x}b', '{x}{y}', 'b{x}a'))
const segment = fc
  .array(fc.constantFrom('a', 'b', '.'), { minLength: 1, maxLength: 5 })
  .map((letters) => letters.join(''))

it('says nothing that a request contradicts', () => {
  const seen = { inside: 0, apart: 0, crossing: 0 }
  fc.assert(
    fc.property(fc.tuple(step, step), fc.tuple(step, step), fc.tuple(segment, segment), (one, other, path) => {
      const [isOne, isOther] = [matchesSteps(one, path), matchesSteps(other, path)]
      const relation = relationOf(one, other)
      if (relation === 'apart' && isOne) seen.apart++
      if (relation === 'inside' && isOne) seen.inside++
      if (relation === 'crossing' && isOne && isOther) seen.crossing++
      if (relation === 'apart') expect(isOne && isOther).toBe(false)
      if (relation === 'inside' || relation === 'same') expect(!isOne || isOther).toBe(true)
      if (relation === 'around' || relation === 'same') expect(!isOther || isOne).toBe(true)
    }),
    { numRuns: 20_000 },
  )
  expect(Object.values(seen).every((count) => count > 10)).toBe(true)
})
