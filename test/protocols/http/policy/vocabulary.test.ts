import fc from 'fast-check'
import { expect, it } from 'vitest'
import { readText } from '../../../../src/protocols/http/gateway/read-text.ts'
import type { HttpStatement } from '../../../../src/protocols/http/facts/http-statement.ts'
import { httpVocabulary } from '../../../../src/protocols/http/policy/vocabulary.ts'
import { httpTarget, type HttpTarget } from '../../../../src/protocols/http/target.ts'
import type { TargetConfig } from '../../../../src/gateway/target.ts'
import { policyLanguage } from '../../../../src/protocols/policy-language.ts'
import { parseCondition } from '../../../../src/policy/condition.ts'
import { sampledRuns } from '../../../helpers/sampled.ts'

function statementOf(text: string): HttpStatement {
  const { facts } = readText(text, undefined, '.')
  return (facts as unknown as { statements: readonly [HttpStatement] }).statements[0]
}

const some = (...values: string[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 }) },
  )
const match = fc.record({
  kinds: some('get', 'delete', 'post', 'head'),
  methods: some('GET', 'DELETE', 'POST'),
  routes: some('/', '/a', '/a/{id}', '/a/**', '/A', '/**', '/a.json'),
  query: some('q', 'q=1', 'q=true', 'r=x*'),
  contentTypes: some('application/json', 'text/*'),
  body: some('/s=x', '/s=1', '/s/0=x', '/s="1"'),
})
const request = fc
  .record({
    method: fc.constantFrom('GET', 'HEAD', 'DELETE', 'POST', 'PUT'),
    path: fc.constantFrom('/', '/a', '/a/', '/A', '/a/7', '/a/7/b', '/a.json', '/index.php/a', '/a//b', '/%61'),
    query: fc.constantFrom('', '?q', '?q=1', '?Q=1', '?q=1&q=2', '?r=xy'),
    body: fc.constantFrom('', '{"s":"x"}', '{"S":"x"}', '{"s":1}', '{"s":["x"]}', '{"s":1,"s":2}', '[', 'x'),
  })
  .map(({ method, path, query, body }) => `${method} ${path}${query}${body === '' ? '' : `\n\n${body}`}`)

it('denies and holds whatever it would allow', () => {
  const allowed = { count: 0 }
  fc.assert(
    fc.property(match, request, (given, text) => {
      const statement = statementOf(text)
      const matches = (effect: 'allow' | 'deny' | 'hold'): boolean => httpVocabulary.matches(given, effect, statement)
      if (!matches('allow')) return
      allowed.count++
      expect([matches('deny'), matches('hold')]).toEqual([true, true])
    }),
    { numRuns: sampledRuns(5000) },
  )
  expect(allowed.count).toBeGreaterThan(50)
})

it('allows nothing that cannot be read, and denies it by any route', () => {
  for (const text of ['GET /a//b', 'GET /%61', 'GET /a;b', 'GET /a?x=1;y']) {
    const statement = statementOf(text)
    expect(statement.unknown).toHaveLength(1)
    expect(httpVocabulary.matches({ methods: ['GET'] }, 'allow', statement)).toBe(false)
    expect(httpVocabulary.matches({ routes: ['/x'] }, 'deny', statement)).toBe(true)
    expect(httpVocabulary.matches({ methods: ['POST'], routes: ['/x'] }, 'deny', statement)).toBe(false)
  }
})

it.each([
  ['/A/7', true],
  ['/a/7/', true],
  ['/index.php/a/7', true],
  ['/b', false],
])('says of %s that a rule may be about it', (path, is) => {
  const statement = statementOf(`DELETE ${path}`)
  expect(httpVocabulary.matches({ routes: ['/a/{id}'] }, 'deny', statement)).toBe(is)
  expect(httpVocabulary.matches({ routes: ['/a/{id}'] }, 'allow', statement)).toBe(false)
  expect(httpVocabulary.whyMaybe({ routes: ['/a/{id}'] }, statement)).toContain('may be taken for it')
})

const isHttp = (target: TargetConfig): target is HttpTarget => target.type === 'http'
const npm = httpTarget.schema.parse({ name: 'npm', type: 'http', host: 'npm.internal', encodedSlashes: true })

it.each<[string, string, boolean, boolean]>([
  ['GET /x/admin%2Fusers', "statement.path.startsWith('/x/admin/')", false, true],
  ['GET /x/admin%2fusers', "statement.path.startsWith('/x/admin/')", false, true],
  ['GET /x/admin%2Fusers', "'admin' in statement.segments", false, true],
  ['GET /x/admin%2Fusers', 'size(statement.segments) == 3', false, true],
  ['GET /x/admin%2Fusers', 'size(statement.segments) == 2', true, true],
  ['GET /x/admin%2Fusers', "'/x/admin/users' in statement.reads", false, true],
  ['DELETE /x/admin%2Fusers', "'/x/admin/users' in statement.writes", false, true],
  ['GET /a%2Fb/c%2Fd', "statement.path == '/a%2Fb/c/d'", false, true],
  ['GET /a%2Fb/c%2Fd', "statement.path == '/a/b/c%2Fd'", false, true],
  ['GET /x/admin/users', "statement.path == '/x/admin%2Fusers'", false, false],
  ['GET /x/%40acme%2Futil', "'@acme' in statement.segments", false, true],
])('conditions of rules that deny look at both readings of %s: %s', (text, source, surely, denied) => {
  const { facts } = readText(text, isHttp(npm) ? npm : undefined, '.')
  const [statement] = (facts as unknown as { statements: readonly [HttpStatement] }).statements
  const condition = parseCondition(source, 'command', policyLanguage)
  const subject = {
    person: { id: 'jane', kind: 'person', label: 'jane', groups: [] } as const,
    target: { name: 'npm', type: 'http', labels: {} },
    statement,
  }
  expect([condition.holds(subject, true), condition.holds(subject, false)]).toEqual([surely, denied])
})

it('cannot say what a condition makes of a reading of which something is not known', () => {
  const condition = parseCondition("statement.path == '/x'", 'command', policyLanguage)
  const subject = {
    person: { id: 'jane', kind: 'person', label: 'jane', groups: [] } as const,
    target: { name: 'npm', type: 'http', labels: {} },
    statement: statementOf('GET /a//b'),
  }
  expect([condition.holds(subject, true), condition.holds(subject, false)]).toEqual([undefined, undefined])
})
