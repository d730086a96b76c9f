import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { policySchemas } from '../../src/policy/parse-policy.ts'
import { PolicyLanguage } from '../../src/policy/language.ts'
import { policyLanguage } from '../../src/protocols/policy-language.ts'
import { parseYaml } from '../../src/shared/yaml-file.ts'
import { echoKinds, echoVocabulary } from '../fixtures/protocols/echo/vocabulary.ts'

const { policyShape, draftSchema, toPolicy } = policySchemas(policyLanguage)
const schema = z.strictObject(policyShape)
const parse = (text: string) => parseYaml(text, 'f', schema)
const approvers = 'approvers: { groups: [sre] }'

describe('policySchemas', () => {
  it('are made once per language', () => {
    expect(policySchemas(policyLanguage).draftSchema).toBe(draftSchema)
    const echo = { vocabulary: echoVocabulary, kinds: echoKinds, ruleSets: {} }
    const [one, other] = [new PolicyLanguage({ echo }), new PolicyLanguage({ echo })]
    expect(policySchemas(one).draftSchema).not.toBe(draftSchema)
    expect(policySchemas(one).draftSchema).not.toBe(policySchemas(other).draftSchema)
  })

  it('name kinds of the language as examples', () => {
    const { commands } = policySchemas(
      new PolicyLanguage({ echo: { vocabulary: echoVocabulary, kinds: echoKinds, ruleSets: {} } }),
    ).policyShape
    const text = JSON.stringify(z.toJSONSchema(commands, { io: 'input', unrepresentable: 'any' }))
    expect(text).toContain(`kinds of commands, such as ${echoKinds.slice(0, 2).join(', ')};`)
    expect(text).not.toContain('select')
  })
})

describe('a rule for commands', () => {
  it.each([
    ['{ name: a }', 'exactly one of allow, deny and hold'],
    ['{ name: a, allow: true, deny: no }', 'exactly one of allow, deny and hold'],
    [`{ name: a, allow: true, hold: { ${approvers} } }`, 'exactly one of allow, deny and hold'],
    ['{ name: a, allow: false }', 'expected true, not false'],
    ['{ allow: true }', '`name` is required'],
    ['{ name: a, hold: {} }', 'hold.approvers'],
    ['{ name: a, allow: true, match: { kind: [select] } }', 'unknown key "kind"; did you mean "kinds"?'],
    ['{ name: a, allow: true, when: "1 +" }', 'not a usable condition'],
    ['{ use: everyday, allow: true }', 'has its own allow, deny and match'],
    ['{ use: everyday, match: { kinds: [select] } }', 'has its own allow, deny and match'],
    [`{ use: everyday, hold: { ${approvers} } }`, 'it takes no hold'],
    ['{ use: ddl-needs-approval }', 'ddl-needs-approval needs hold, with the approvers'],
  ])('%s is refused', (rule, message) => {
    expect(() => parse(`commands: [${rule}]`)).toThrow(message)
  })

  it('holds with defaults: fifteen minutes, these parameters, waiting within a transaction', () => {
    expect(parse(`commands: [{ name: a, hold: { ${approvers} } }]`).commands).toEqual([
      [
        expect.objectContaining({
          effect: {
            type: 'hold',
            approvers: { groups: ['sre'], count: 1 },
            expires: 900_000,
            inTransaction: 'wait',
            per: 'request',
            covers: 'parameters',
            batch: false,
          },
        }),
      ],
    ])
  })

  it('that takes a ready-made set is every rule of it, for its people and targets', () => {
    const [rules = []] = parse('commands: [{ use: no-blind-writes, name: ours, who: { groups: [dev] } }]').commands
    expect(rules.length).toBeGreaterThan(0)
    for (const rule of rules) expect(rule).toMatchObject({ set: 'no-blind-writes', who: { groups: ['dev'] } })
    // Each protocol has its own under that name.
    expect(new Set(rules.map(({ targetType }) => targetType))).toEqual(new Set(['postgres', 'mysql']))
    expect(rules[0]?.name).toMatch(/^ours: /)
  })
})

describe('a rule for access', () => {
  it('needs approvers where access is requested', () => {
    expect(() => parse('access: [{ name: a, grant: request }]')).toThrow('grant: request needs approvers')
    expect(parse('access: [{ name: a, grant: standing }]').access[0]).toMatchObject({ maxDuration: 43_200_000 })
  })
})

describe('toPolicy', () => {
  const of = (text: string) => toPolicy(parse(text))

  it('gives every change of a rule another version, and the same rules the same one', () => {
    const version = of('commands: [{ name: a, allow: true }]').version
    expect(of('# a comment\ncommands:\n  - name: a\n    allow: true\n').version).toBe(version)
    expect(of('commands: [{ name: b, allow: true }]').version).not.toBe(version)
    expect(of('commands: [{ name: a, allow: true, when: "true" }]').version).not.toBe(version)
    expect(of('masking: [{ name: m, columns: [t.c] }]').version).not.toBe(
      of('masking: [{ name: m, columns: [t.c], maxComparisons: 21 }]').version,
    )
  })
})
