import { describe, expect, it } from 'vitest'
import { PolicyLanguage } from '../../src/policy/language.ts'
import type { ProtocolPolicy } from '../../src/policy/vocabulary.ts'
import { sqlVocabulary } from '../../src/sql/vocabulary.ts'
import { echoKinds, echoVocabulary, factsOf } from '../fixtures/protocols/echo/vocabulary.ts'

const sql: ProtocolPolicy = { vocabulary: sqlVocabulary, kinds: ['select', 'lock', 'lock-access-share'], ruleSets: {} }
const echo: ProtocolPolicy = { vocabulary: echoVocabulary, kinds: echoKinds, ruleSets: {} }
const language = new PolicyLanguage({ postgres: sql, mysql: sql, echo })
const [get] = factsOf('GET a').statements as [ReturnType<typeof factsOf>['statements'][number]]

describe('the language of rules', () => {
  it('has one vocabulary for protocols that share it', () => {
    expect(language.vocabularies.map(({ type }) => type)).toEqual(['sql', 'echo'])
    expect(language.types).toEqual(['postgres', 'mysql', 'echo'])
  })

  it('finds the vocabulary of a statement, and throws where there is none', () => {
    expect(language.of(get)).toBe(echoVocabulary)
    expect(() => language.of({ ...get, type: 'host' })).toThrow('no protocol speaks for statements of type host')
    expect(() => language.forTarget('ssh')).toThrow('there are no targets of type ssh')
  })

  it.each([
    ['word of match "keys"', { fields: { keys: echoVocabulary.fields['keys'] } }],
    ['variable "echoVerb"', { fields: {}, variables: { echoVerb: { type: 'string', absent: '' } } }],
    ['tag "echo"', { type: 'echo', fields: {}, variables: {} }],
  ])('refuses two vocabularies with the same %s', (what, same) => {
    const vocabulary = { ...echoVocabulary, type: 'other', about: 'others', variables: {}, ...same }
    const other = { vocabulary, kinds: [], ruleSets: {} } as unknown as ProtocolPolicy
    expect(() => new PolicyLanguage({ echo, other })).toThrow(`the ${what} belongs to both key stores and others`)
  })

  it('says whose words a match names', () => {
    const words = language.wordsOf({ keys: ['a'], relations: ['orders'], writes: undefined, kinds: ['select'] })
    expect([...words].map(([{ type }, names]) => [type, names])).toEqual([
      ['sql', ['relations']],
      ['echo', ['keys']],
    ])
  })

  it.each([
    [{ match: { keys: ['a'] } }, 'postgres', ['key stores']],
    [{ match: { keys: ['a'] } }, 'echo', []],
    [{ match: { kinds: ['select'] } }, 'echo', ['databases']],
    [{ match: { kinds: ['select'] } }, 'mysql', []],
    [{ match: {} }, 'echo', []],
    [{ match: {}, targetType: 'postgres' }, 'echo', ['databases']],
  ])('%j on a target of type %s is about %j', (rule, type, others) => {
    expect(language.aboutOthers(rule, type)).toEqual(others)
  })

  it('matches nothing of a statement that has no such word, whatever the effect', () => {
    for (const effect of ['allow', 'deny', 'hold'] as const) {
      expect(language.matches({ relations: ['a'] }, effect, get)).toBe(false)
      expect(language.matches({ relations: undefined, keys: ['a'] }, effect, get)).toBe(true)
    }
  })

  it('adds the kinds that a rule means as well', () => {
    expect(language.completed({ kinds: ['lock'] })).toEqual({ kinds: ['lock', 'lock-access-share'] })
    expect(language.completed({ keys: ['a'] })).toEqual({ keys: ['a'] })
  })

  it('knows the kinds that a pattern stands for', () => {
    expect(language.kindsNamed('key-*', ['echo'])).toEqual(['key-read', 'key-write', 'key-delete'])
    expect(language.kindsNamed('key-*', ['postgres'])).toEqual([])
  })
})
