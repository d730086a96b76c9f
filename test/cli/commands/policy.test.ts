import { describe, expect, it } from 'vitest'
import { policy } from '../../../src/cli/commands/policy.ts'
import { runVerb } from '../../helpers/verb.ts'

describe('pamctl policy explain', () => {
  it('shows the rules, section by section', async () => {
    const answer = {
      target: 'prod-db',
      access: { rule: 'engineers', text: 'on request' },
      accessRules: [
        { rule: 'engineers', applies: true, text: 'on request' },
        { rule: 'sre', applies: false, text: 'not yours' },
      ],
      commands: [],
      masking: [{ rule: 'emails', applies: true, text: 'email' }],
    }
    const gateway = { 'GET /v1/policy/explain?target=prod-db': answer }
    const { stdout } = await runVerb([policy], ['policy', 'explain', 'prod-db'], { gateway })
    expect(stdout.split('\n')).toEqual([
      'prod-db: on request (rule "engineers")',
      'Access (the first rule that matches decides)',
      '  ✓ engineers: on request',
      '  · sre: not yours',
      'Commands (the first rule that matches a statement decides; what no rule matches is denied)',
      '  no rules',
      'Masking (all that apply)',
      '  ✓ emails: email',
      '',
    ])
    const json = await runVerb([policy], ['policy', 'explain', 'prod-db', '--json'], { gateway })
    expect(JSON.parse(json.stdout)).toEqual(answer)
    const { access: _, ...without } = answer
    const none = { 'GET /v1/policy/explain': without }
    expect((await runVerb([policy], ['policy', 'explain', 'prod-db'], { gateway: none })).stdout).toContain(
      'prod-db: no access\n',
    )
  })
})

describe('pamctl policy test', () => {
  const trial = (judgement: object, more: object = {}) => ({
    'POST /v1/policy/try': {
      access: { rule: 'r', grant: 'standing' },
      judgement,
      statements: [
        {
          kind: 'select',
          reads: ['public.a', 'public.b'],
          writes: [],
          unknown: [],
          rules: [
            { rule: 'one', result: 'not', why: 'writes nothing' },
            { rule: 'two', result: 'decides', why: 'matches' },
            { rule: 'three', result: 'fits', why: 'would match' },
          ],
        },
        { kind: 'do', reads: [], writes: ['t'], unknown: ['language c'], rules: [] },
      ],
      ...more,
    },
  })
  const BODY = [
    'select, reads public.a, public.b',
    '  · one: writes nothing',
    '  ✓ two: matches',
    '  + three: would match',
    'do, writes t, unknown effect: language c',
    '',
  ]
  it('puts rules that do not match for one reason on one line, and says what would be masked', async () => {
    const rules = ['a', 'b', 'c', 'd'].map((rule) => ({ rule, result: 'not', why: 'other targets only' }))
    const statements = [
      {
        kind: 'select',
        reads: [],
        writes: [],
        unknown: [],
        rules: [...rules, { rule: 'two', result: 'decides', why: 'matches' }],
      },
    ]
    const masking = [{ rule: 'emails', text: 'masks email (partial)' }]
    const run = (verdict: string) =>
      runVerb([policy], ['policy', 'test', 'prod-db', 'select 1'], {
        gateway: trial({ verdict }, { statements, masking }),
      })
    const lines = ['select', '  ✓ two: matches', '  · other targets only: "a", "b", "c" and 1 more']
    expect((await run('allow')).stdout.split('\n')).toEqual([
      'allowed',
      ...lines,
      'in results, "emails" masks email (partial)',
      '',
    ])
    expect((await run('deny')).stdout.split('\n')).toEqual(['denied', ...lines, ''])
  })

  it.each([
    [{ verdict: 'allow', rule: 'two' }, 0, 'allowed by "two"'],
    [{ verdict: 'deny', message: 'no rule allows it' }, 5, 'denied: no rule allows it'],
    [{ verdict: 'hold', rule: 'two', approvers: 'sre', message: 'ask' }, 6, 'held by "two", for sre: ask'],
  ])('%j ends with %i', async (judgement, code, first) => {
    const outcome = await runVerb([policy], ['policy', 'test', 'prod-db', 'select 1'], { gateway: trial(judgement) })
    expect(outcome).toMatchObject({ code, stderr: '' })
    expect(outcome.stdout.split('\n')).toEqual([first, ...BODY])
    const json = await runVerb([policy], ['policy', 'test', 'p', 's', '--json'], { gateway: trial(judgement) })
    expect(json.code).toBe(code)
    expect(JSON.parse(json.stdout)).toMatchObject({ judgement })
  })

  it('says that nothing would run if no rule gives access', async () => {
    const gateway = trial({ verdict: 'allow' }, { access: undefined })
    const { code, stdout, stderr } = await runVerb([policy], ['policy', 'test', 'prod-db', 'select 1'], { gateway })
    expect({ code, stderr, first: stdout.split('\n').slice(0, 2) }).toEqual({
      code: 0,
      stderr: '',
      first: [
        'no access: no access rule grants this target, so nothing would run; with access, the command would be',
        'allowed',
      ],
    })
  })

  it.each([
    [[], undefined],
    [['--groups', ' a, b,,'], { groups: ['a', 'b'], kind: 'person' }],
    [['--groups', '', '--service'], { groups: [], kind: 'service' }],
  ])('%j is tried for %j', async (args, person) => {
    const gateway = trial({ verdict: 'allow' })
    const { calls } = await runVerb([policy], ['policy', 'test', 'prod-db', 'select 1', ...args], { gateway })
    expect(calls).toEqual([
      {
        call: 'POST /v1/policy/try',
        body: { target: 'prod-db', command: 'select 1', ...(person === undefined ? {} : { person }) },
      },
    ])
  })

  it.each([
    ['2026-12-05 10:00', new Date(2026, 11, 5, 10).toISOString()],
    ['2026-12-05T10:00Z', '2026-12-05T10:00:00.000Z'],
  ])('--at %j is sent as a time, and what a request would meet then is said', async (text, at) => {
    const gateway = trial({ verdict: 'allow' }, { access: { rule: 'r', grant: 'request', now: 'people decide' } })
    const args = ['policy', 'test', 'prod-db', 'select 1', '--at', text]
    const { calls, stderr } = await runVerb([policy], args, { gateway })
    expect([calls[0]?.body, stderr]).toEqual([
      { target: 'prod-db', command: 'select 1', at },
      'access requested then: people decide\n',
    ])
    expect(await runVerb([policy], [...args.slice(0, -1), 'saturday 2026-12-05'])).toMatchObject({ code: 2, calls: [] })
  })

  it('--service needs --groups', async () => {
    expect(await runVerb([policy], ['policy', 'test', 'p', 's', '--service'])).toMatchObject({ code: 2, calls: [] })
  })
})
