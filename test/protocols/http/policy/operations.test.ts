import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { decideCommand } from '../../../../src/policy/decide.ts'
import { policySchemas } from '../../../../src/policy/parse-policy.ts'
import type { StatementMatch } from '../../../../src/policy/policy.ts'
import { factsOf } from '../../../../src/protocols/http/facts/facts-of.ts'
import type { HttpStatement } from '../../../../src/protocols/http/facts/http-statement.ts'
import { readDocument } from '../../../../src/protocols/http/openapi/read-document.ts'
import { httpRuleSets } from '../../../../src/protocols/http/policy/rule-sets.ts'
import { httpVocabulary } from '../../../../src/protocols/http/policy/vocabulary.ts'
import { readRequest } from '../../../../src/protocols/http/request/read-request.ts'
import { policyLanguage } from '../../../../src/protocols/policy-language.ts'
import { PamError } from '../../../../src/shared/errors.ts'

const NO_PATH = 'the OpenAPI document of the target has no such path'

const description = readDocument(
  `openapi: 3.1.0
paths:
  /users/{id}:
    get: { operationId: getUser, tags: [users] }
    delete: { operationId: deleteUser, tags: [users, danger] }
  /users/me:
    get: { operationId: getMe, tags: [me] }
  /export:
    get: { operationId: startExport, tags: [users], x-pam-safe: false }
`,
  'users.yaml',
  { basePath: undefined, unsafe: [] },
)

function statementOf(text: string): HttpStatement {
  const [method = '', target = ''] = text.split(' ')
  const request = readRequest({ version: '1.1', method, target, headers: [] }, Buffer.alloc(0), undefined)
  if (request instanceof PamError) throw request
  const described = description.describe(request)
  if ('refused' in described) throw new Error(described.refused)
  return factsOf(request, described).statements[0]
}

const matches = (match: StatementMatch, text: string, effect: 'allow' | 'deny' | 'hold'): boolean =>
  httpVocabulary.matches(match, effect, statementOf(text))

describe('a rule by operations', () => {
  it.each<[string, StatementMatch, boolean, boolean]>([
    ['GET /users/7', { operations: ['getUser'] }, true, true],
    ['GET /users/7', { tags: ['users'] }, true, true],
    ['GET /users/7', { operations: ['deleteUser'] }, false, false],
    ['GET /users/me', { operations: ['getMe'] }, true, true],
    // The concrete path comes first.
    ['GET /users/me', { operations: ['getUser'] }, false, false],
    // A server that looks at no letter case answers as for /users/me.
    ['GET /users/ME', { operations: ['getUser'] }, false, true],
    ['GET /users/ME', { operations: ['getMe'] }, false, true],
    ['GET /users/ME', { operations: ['getMe', 'getUser'] }, true, true],
    ['GET /users/ME', { tags: ['users', 'me'] }, true, true],
    ['DELETE /users/7', { tags: ['danger'], methods: ['DELETE'] }, true, true],
  ])('%s: %j allows %s, denies and holds %s', (text, match, allows, refuses) => {
    expect(matches(match, text, 'allow')).toBe(allows)
    expect(matches(match, text, 'deny')).toBe(refuses)
    expect(matches(match, text, 'hold')).toBe(refuses)
  })

  it('matches nothing where the target has no document', () => {
    const request = readRequest(
      { version: '1.1', method: 'GET', target: '/users/7', headers: [] },
      Buffer.alloc(0),
      undefined,
    )
    if (request instanceof PamError) throw request
    const [statement] = factsOf(request, undefined).statements
    for (const effect of ['allow', 'deny', 'hold'] as const)
      expect(httpVocabulary.matches({ operations: ['getUser'] }, effect, statement)).toBe(false)
  })
})

describe('a request that the document does not have', () => {
  it('is allowed and held only by rules that say unknown, and by their routes', () => {
    for (const effect of ['allow', 'hold'] as const) {
      expect(matches({ methods: ['GET'] }, 'GET /other', effect)).toBe(false)
      expect(matches({ routes: ['/other'], unknown: true }, 'GET /other', effect)).toBe(true)
      expect(matches({ routes: ['/another'], unknown: true }, 'GET /other', effect)).toBe(false)
      expect(matches({ operations: ['getMe'], unknown: true }, 'GET /other', 'allow')).toBe(false)
    }
  })

  it('may be any operation for rules that deny', () => {
    const match = { operations: ['deleteUser'] }
    expect(matches(match, 'GET /other', 'deny')).toBe(true)
    expect(httpVocabulary.whyMaybe(match, statementOf('GET /other'))).toContain('is not in the OpenAPI document')
    expect(matches({ routes: ['/admin/**'] }, 'GET /other', 'deny')).toBe(false)
  })

  it.each<[string, StatementMatch, boolean]>([
    ['GET /other', { operations: ['deleteUser'] }, true],
    ['GET /other', { tags: ['danger'] }, true],
    ['GET /other', { kinds: ['unsafe'] }, true],
    ['GET /other', { routes: ['/other'], tags: ['danger'] }, true],
    // What these say of it is true whatever the document has.
    ['GET /other', { routes: ['/other'] }, false],
    ['DELETE /other', { kinds: ['delete', 'unsafe'] }, false],
    ['GET /other', { unknown: true }, false],
    ['GET /users/7', { operations: ['getUser'] }, false],
  ])('%s is denied by %j for the lack of it alone: %s', (text, match, is) => {
    const statement = statementOf(text)
    expect(httpVocabulary.matches(match, 'deny', statement)).toBe(true)
    const missing = httpVocabulary.undescribed?.(match, statement, true)
    if (is) expect(missing).toEqual({ reason: NO_PATH, advice: expect.stringContaining('in front of this one') })
    else expect(missing).toBeUndefined()
  })

  it('is denied for that where a condition cannot be evaluated', () => {
    expect(httpVocabulary.undescribed?.({ methods: ['GET'] }, statementOf('GET /other'), false)?.reason).toBe(NO_PATH)
    expect(httpVocabulary.undescribed?.({ methods: ['GET'] }, statementOf('GET /users/Me'), false)).toBeUndefined()
  })

  describe('in the words of a refusal', () => {
    const { policyShape, toPolicy } = policySchemas(policyLanguage)
    const policy = toPolicy(
      z.object(policyShape).parse({
        commands: [
          { name: 'no deleting', match: { operations: ['deleteUser'] }, deny: 'finance deletes' },
          { name: 'no me', match: { methods: ['GET'] }, when: 'statement.operation == "getMe"', deny: 'not me' },
        ],
      }),
    )
    const jane = { id: 'jane', kind: 'person', label: 'jane', groups: [] } as const
    const users = { name: 'users', type: 'http', labels: {} }
    const decide = (text: string, rules = policy) =>
      decideCommand(rules, jane, users, {
        protocol: 'http',
        kind: 'statement',
        text,
        parameters: [],
        facts: { type: 'http', statements: [statementOf(text)] },
      })

    it('says that the document does not have it', () => {
      expect(decide('POST /other')).toEqual({
        type: 'deny',
        rule: 'no deleting',
        code: 'COMMAND_UNKNOWN',
        message: `${NO_PATH}, and rule "no deleting" denies what this POST /other could be`,
        hint: 'ask your administrator to add it to the OpenAPI document, or for a rule that allows its route with `unknown: true`, in front of this one',
      })
      expect(decide('PUT /users/7')).toMatchObject({ message: expect.stringContaining('has no PUT of /users/{id}') })
      const [, condition] = policy.commands
      const alone = { ...policy, commands: condition === undefined ? [] : [condition] }
      expect(decide('GET /other', alone)).toMatchObject({
        message: expect.stringContaining(`${NO_PATH}, and rule "no me"`),
      })
    })

    it('keeps the words of a rule that is about it', () => {
      expect(decide('DELETE /users/7')).toMatchObject({ code: 'COMMAND_REFUSED', message: 'finance deletes' })
      expect(decide('GET /users/me')).toMatchObject({ code: 'COMMAND_REFUSED', message: 'not me' })
    })
  })

  it('has no values for conditions, nor has one that may be another operation', () => {
    expect(httpVocabulary.values(statementOf('GET /other'))).toBeUndefined()
    expect(httpVocabulary.values(statementOf('GET /users/Me'))).toBeUndefined()
    expect(httpVocabulary.values(statementOf('GET /users/me'))).toMatchObject({ operation: 'getMe', tags: ['me'] })
  })
})

describe('the set read-only', () => {
  const [rule] = httpRuleSets['read-only']?.rules ?? []
  const refuses = (text: string): boolean => matches(rule?.match ?? {}, text, 'deny')

  it.each([
    ['GET /users/7', false],
    ['HEAD /users/7', false],
    ['GET /export', true],
    ['HEAD /export', true],
    ['GET /other', true],
    ['OPTIONS /users/7', true],
    ['DELETE /users/7', true],
  ])('of %s says that it changes something: %s', (text, is) => {
    expect(refuses(text)).toBe(is)
    if (is) expect(statementOf(text).reads).toEqual([])
  })
})

it('names the operation for people', () => {
  expect(httpVocabulary.name(statementOf('DELETE /users/7'))).toBe('DELETE /users/7 (deleteUser)')
  expect(httpVocabulary.describe?.(statementOf('GET /users/Me'))).toEqual([
    'tagged users',
    'a server may take it for getMe',
  ])
})
