import { describe, expect, it } from 'vitest'
import type { Person, Target } from '../../src/policy/command.ts'
import { parseCondition } from '../../src/policy/condition.ts'
import { PolicyLanguage } from '../../src/policy/language.ts'
import { policyLanguage } from '../../src/protocols/policy-language.ts'
import { hostStatement } from '../../src/host/command/host-statement.ts'
import { echoKinds, echoVocabulary, factsOf } from '../fixtures/protocols/echo/vocabulary.ts'

const person: Person = { id: 'jane', kind: 'person', label: 'jane@example.com', groups: ['engineering'] }
const target: Target = { name: 'prod', type: 'echo', labels: { env: 'prod' } }
const echo = new PolicyLanguage({ echo: { vocabulary: echoVocabulary, kinds: echoKinds, ruleSets: {} } })

describe('a condition', () => {
  it.each([
    ['"engineering" in person.groups', true],
    ['person.kind == "service"', false],
    ['target.labels.env == "prod"', true],
    // A label that the target does not have: nobody knows.
    ['target.labels.team == "a"', undefined],
  ])('of access: %s is %s', (source, holds) => {
    expect(parseCondition(source, 'access', echo).holds({ person, target }, true)).toBe(holds)
  })

  it('reads the variables of a vocabulary, and what other statements have in their place', () => {
    const deletes = parseCondition('statement.echoVerb == "DEL" && "a" in statement.keys', 'command', echo)
    const [statement] = factsOf('DEL a').statements
    expect(deletes.holds({ person, target, ...(statement && { statement }) }, true)).toBe(true)
    const missing = parseCondition('statement.missingWhere', 'command', policyLanguage)
    expect(missing.holds({ person, target, statement: hostStatement('root', { argv: ['rm'] }) }, true)).toBe(false)
  })

  it('is unknown where a word of the command is known only when it runs', () => {
    const condition = parseCondition('statement.login == "root"', 'command', policyLanguage)
    expect(
      condition.holds({ person, target, statement: hostStatement('root', { argv: ['rm', null] }) }, true),
    ).toBeUndefined()
    expect(condition.holds({ person, target, statement: hostStatement('root', { argv: ['rm', '-r'] }) }, true)).toBe(
      true,
    )
  })

  it.each<[string, readonly Record<string, unknown>[], boolean | undefined]>([
    ['in none', [{ echoVerb: 'SET', keys: [] }], false],
    [
      'in one',
      [
        { echoVerb: 'SET', keys: [] },
        { echoVerb: 'DEL', keys: ['a'] },
      ],
      true,
    ],
    [
      'perhaps in one, which lacks what is asked for',
      [
        { echoVerb: 'SET', keys: [] },
        { echoVerb: 'DEL', keys: undefined },
      ],
      undefined,
    ],
  ])('of a statement that the target may read in other ways, in which it holds %s', (_what, others, holds) => {
    const vocabulary = { ...echoVocabulary, otherValues: () => others }
    const language = new PolicyLanguage({ echo: { vocabulary, kinds: echoKinds, ruleSets: {} } })
    const condition = parseCondition('statement.echoVerb == "DEL" && "a" in statement.keys', 'command', language)
    const [statement] = factsOf('GET a').statements
    if (statement === undefined) throw new Error('no statement')
    expect(condition.holds({ person, target, statement }, false)).toBe(holds)
    expect(condition.holds({ person, target, statement }, true)).toBe(false)
  })

  it.each([
    ['person.groups ==', 'access'],
    ['person.name == "jane"', 'access'],
    ['statement.echoVerb == "GET"', 'access'],
    ['person.label', 'access'],
    ['statement.argv == []', 'command'],
    ['person.label.matches("(a+)+$")', 'access'],
    ['person.groups.exists(g, g.matches("a"))', 'access'],
  ] as const)('is refused when the file is loaded: %s', (source, scope) => {
    expect(() => parseCondition(source, scope, echo)).toThrow()
  })

  it.each([
    ['"sre" in person.groups || person.groups.exists(g, g == "dba")', ['sre', 'dba']],
    ['["a", "b"].exists(x, x in person.groups)', ['a', 'b']],
    ['person["groups"][0] == "c"', ['c']],
    ['person.label == "d"', []],
  ])('%s looks for the groups %j', (source, groups) => {
    expect(parseCondition(source, 'access', echo).groups.toSorted()).toEqual(groups.toSorted())
  })
})
