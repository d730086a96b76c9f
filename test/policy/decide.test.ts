import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Command, Person, Target } from '../../src/policy/command.ts'
import { decideAccess, decideCommand } from '../../src/policy/decide.ts'
import { explain } from '../../src/policy/explain.ts'
import { policySchemas } from '../../src/policy/parse-policy.ts'
import { policyLanguage } from '../../src/protocols/policy-language.ts'
import type { SqlStatement } from '../../src/sql/statement.ts'
import { matchesRelation } from '../../src/sql/vocabulary.ts'
import { sqlStatement } from '../helpers/sql-statement.ts'

const { policyShape, toPolicy } = policySchemas(policyLanguage)

const parse = (lists: unknown) => toPolicy(z.object(policyShape).parse(lists))
const jane: Person = { id: 'jane', kind: 'person', label: 'jane', groups: ['engineering'] }
const ci: Person = { id: 'ci', kind: 'service', label: 'ci', groups: ['engineering'] }
const prod: Target = { name: 'prod-db', type: 'postgres', labels: { env: 'prod' } }
const dev: Target = { name: 'dev-db', type: 'postgres', labels: { env: 'dev' } }

const command = (...statements: Partial<SqlStatement>[]): Command => ({
  protocol: 'postgres',
  kind: 'statement',
  text: '',
  parameters: [],
  facts: { type: 'sql', statements: statements.map(sqlStatement) },
})

const policy = parse({
  commands: [
    {
      name: 'writes need a WHERE',
      targets: { labels: { env: 'prod' } },
      match: { kinds: ['delete', 'update'], missingWhere: true },
      deny: 'no',
    },
    { name: 'not payroll', match: { relations: ['hr.*'] }, deny: 'never' },
    { name: 'risky', match: { kinds: ['truncate', 'drop-*'] }, hold: { approvers: { groups: ['sre'] } } },
    { name: 'reading', match: { kinds: ['select', 'explain'] }, allow: true },
    {
      name: 'writing orders',
      match: { kinds: ['select', 'update', 'delete', 'insert'], relations: ['orders'] },
      allow: true,
    },
    {
      name: 'services may sleep',
      who: { kind: 'service' },
      match: { functions: ['pg_sleep'], unknown: true },
      allow: true,
    },
  ],
})

describe('decideCommand', () => {
  it.each<[string, Partial<SqlStatement>[], string, string | undefined]>([
    ['a read', [{}], 'allow', 'reading'],
    ['no statement at all', [], 'allow', 'nothing to run'],
    ['a kind that nobody names', [{ kinds: ['vacuum'] }], 'deny', undefined],
    [
      'a blind delete',
      [{ kinds: ['delete'], writes: ['public.orders'], missingWhere: true }],
      'deny',
      'writes need a WHERE',
    ],
    [
      'a blind delete within a select',
      [{ kinds: ['select', 'delete'], writes: ['public.orders'], missingWhere: true }],
      'deny',
      'writes need a WHERE',
    ],
    ['a write to orders', [{ kinds: ['update'], writes: ['public.orders'] }], 'allow', 'writing orders'],
    [
      'a write to orders that reads another table',
      [{ kinds: ['update'], writes: ['public.orders'], reads: ['public.x'] }],
      'deny',
      undefined,
    ],
    [
      'a select that deletes elsewhere: an allowing rule must match all of it',
      [{ kinds: ['select', 'delete'], writes: ['public.x'] }],
      'deny',
      undefined,
    ],
    ['payroll, read among others', [{ reads: ['public.orders', 'hr.salaries'] }], 'deny', 'not payroll'],
    ['payroll, behind a view', [{ reads: ['public.v'], behind: ['hr.salaries'] }], 'deny', 'not payroll'],
    ['a drop by wildcard', [{ kinds: ['drop-table'], writes: ['public.orders'] }], 'hold', 'risky'],
    [
      'the strictest of several statements: deny',
      [{}, { kinds: ['truncate'] }, { kinds: ['vacuum'] }],
      'deny',
      undefined,
    ],
    ['the strictest of several statements: hold', [{}, { kinds: ['truncate'] }], 'hold', 'risky'],
    ['an unknown effect is not a read', [{ unknown: ['calls f'] }], 'deny', undefined],
    [
      'an unknown effect is not held by a rule that does not name it',
      [{ kinds: ['truncate'], unknown: ['x'] }],
      'deny',
      undefined,
    ],
    ['an unresolved name matches no rule for orders', [{ kinds: ['update'], writes: ['?.orders'] }], 'deny', undefined],
  ])('%s', (_what, statements, type, rule) => {
    const judgement = decideCommand(policy, jane, prod, command(...statements))
    expect([judgement.type, judgement.rule]).toEqual([type, rule])
  })

  describe('what could not be determined, in front of a rule that allows that', () => {
    const trusting = parse({
      commands: [
        { name: 'no drops', match: { kinds: ['drop-*'] }, deny: 'never' },
        { name: 'no forwarding', match: { kinds: ['forward-local'] }, deny: 'never' },
        { name: 'no programs', match: { programs: ['rm'] }, deny: 'never' },
        { name: 'deletes', match: { kinds: ['delete'] }, hold: { approvers: { groups: ['sre'] } } },
        { name: 'the rest', match: { unknown: true }, allow: true },
        { name: 'late', match: { kinds: ['update'] }, hold: { approvers: { groups: ['sre'] } } },
      ],
    })
    it.each<[string, Partial<SqlStatement>, string, string]>([
      ['a call adds nothing to what is held', { kinds: ['delete'], unknown: ['calls f'] }, 'hold', 'deletes'],
      ['nor to what is denied', { kinds: ['drop-table'], unknown: ['x'] }, 'deny', 'no drops'],
      [
        'a text that cannot be parsed may be what is denied',
        { kinds: ['unknown'], unknown: ['x'] },
        'deny',
        'no drops',
      ],
      ['what neither names is allowed', { kinds: ['select'], unknown: ['calls f'] }, 'allow', 'the rest'],
      ['a rule behind it has nothing to say', { kinds: ['update'], unknown: ['calls f'] }, 'allow', 'the rest'],
    ])('%s', (_what, statement, type, rule) => {
      const judgement = decideCommand(trusting, jane, prod, command(statement))
      expect([judgement.type, judgement.rule]).toEqual([type, rule])
    })

    it('a text that cannot be parsed is none of another type of target, and may be what is held', () => {
      const others = parse({
        commands: [
          { name: 'no forwarding', match: { kinds: ['forward-local'] }, deny: 'never' },
          { name: 'writes', match: { writes: ['users'] }, hold: { approvers: { groups: ['sre'] } } },
          { name: 'the rest', match: { unknown: true }, allow: true },
        ],
      })
      expect(decideCommand(others, jane, prod, command({ kinds: ['unknown'], unknown: ['x'] })).rule).toBe('writes')
    })

    it('a condition cannot be shown to be false of it', () => {
      const conditional = parse({
        commands: [
          { name: 'odd', match: {}, when: "statement.functions.exists(f, f == 'lo_export')", deny: 'never' },
          { name: 'the rest', match: { unknown: true }, allow: true },
        ],
      })
      expect(decideCommand(conditional, jane, prod, command({ kinds: ['unknown'], unknown: ['x'] })).rule).toBe('odd')
      expect(decideCommand(conditional, jane, prod, command({ unknown: ['x'] })).rule).toBe('the rest')
    })
  })

  it('says that the effect is unknown if that is the reason', () => {
    expect(decideCommand(policy, jane, prod, command({ unknown: ['calls f'] }))).toMatchObject({
      code: 'COMMAND_UNKNOWN',
      message: expect.stringContaining('calls f'),
    })
  })

  it('names a denied statement of several, and every kind that is held', () => {
    const insert = { kinds: ['insert'], writes: ['public.t'] }
    expect(decideCommand(policy, jane, prod, command({ kinds: ['select'] }, insert))).toMatchObject({
      type: 'deny',
      message: expect.stringMatching(/^statement 2 of 2 \(INSERT\): no rule allows INSERT on prod-db/),
    })
    expect(decideCommand(policy, jane, prod, command(insert))).toMatchObject({
      message: expect.stringMatching(/^no rule allows INSERT/),
    })
    const held = command({ kinds: ['truncate'] }, { kinds: ['drop-table'] }, { kinds: ['truncate'] })
    expect(decideCommand(policy, jane, prod, held)).toMatchObject({
      type: 'hold',
      statement: 'TRUNCATE and DROP TABLE',
    })
  })

  it('applies rules to those whom they name', () => {
    const sleeping = command({ kinds: ['sleep'], functions: ['pg_sleep'], unknown: ['x'] })
    expect(decideCommand(policy, ci, prod, sleeping).type).toBe('allow')
    expect(decideCommand(policy, jane, prod, sleeping).type).toBe('deny')
    expect(
      decideCommand(policy, jane, dev, command({ kinds: ['delete'], writes: ['public.orders'], missingWhere: true }))
        .rule,
    ).toBe('writing orders')
  })

  it('allows nothing without rules', () => {
    expect(decideCommand(parse({}), jane, prod, command({})).type).toBe('deny')
  })
})

describe('a rule of a ready-made set', () => {
  it('is about targets of its type, whatever else it would match', () => {
    const reading = parse({ commands: [{ name: 'reading', match: { kinds: ['select'] }, allow: true }] })
    const of = (targetType: string) => ({
      ...reading,
      commands: reading.commands.map((one) => ({ ...one, targetType })),
    })
    expect(decideCommand(of('postgres'), jane, prod, command({})).type).toBe('allow')
    expect(decideCommand(of('mysql'), jane, prod, command({})).type).toBe('deny')
  })
})

describe('conditions', () => {
  const conditional = (when: string, effect: object) => parse({ commands: [{ name: 'c', when, ...effect }] })

  it.each([
    ["'engineering' in person.groups", 'allow'],
    ["target.labels['env'] == 'dev'", 'deny'],
    ["statement.reads.exists(r, r.startsWith('public.'))", 'allow'],
    ["target.labels['nope'] == 'x'", 'deny'], // fails to evaluate: an allowing rule does not match
  ])('%s', (when, expected) => {
    expect(decideCommand(conditional(when, { allow: true }), jane, prod, command({ reads: ['public.a'] })).type).toBe(
      expected,
    )
  })

  it('a refusing rule whose condition fails to evaluate refuses', () => {
    expect(
      decideCommand(conditional("target.labels['nope'] == 'x'", { deny: 'no' }), jane, prod, command({})).rule,
    ).toBe('c')
  })

  it('a rule whose condition fails to evaluate holds what it would hold', () => {
    const held = conditional("target.labels['nope'] == 'x'", { hold: { approvers: { groups: ['sre'] } } })
    expect(decideCommand(held, jane, prod, command({})).type).toBe('hold')
  })

  it.each([
    ["person.label.matches('(a+)+$')", /matches\(\) is not allowed/],
    ['person.nope == 1', /No such key/],
    ['person.label', /must be true or false/],
    ['1 +', /not a usable condition/],
    ['path == "/x"', /Unknown variable: path; write statement\.path"/],
    ['"a" in reads', /Unknown variable: reads; write statement\.reads"/],
    ['nope == "/x"', /Unknown variable: nope; there are person, target and statement"/],
  ])('refuses %s when the file is loaded', (when, message) => {
    expect(() => conditional(when, { allow: true })).toThrow(message)
  })

  it('of access cannot refer to statements', () => {
    const access = [{ name: 'a', grant: 'standing', when: 'statement.path == "/x"' }]
    expect(() => parse({ access })).toThrow(
      /Unknown variable: statement; in rules for access there are person and target/,
    )
  })
})

describe('decideAccess', () => {
  const access = parse({
    access: [
      {
        name: 'dev',
        who: { groups: ['engineering'], kind: 'person' },
        targets: { labels: { env: 'dev' } },
        grant: 'standing',
      },
      {
        name: 'prod',
        who: { groups: ['engineering'] },
        targets: { names: ['prod-db'] },
        grant: 'request',
        approvers: { groups: ['sre'] },
      },
    ],
  })

  it('finds the first rule that matches, and none for others', () => {
    expect(decideAccess(access, jane, dev)?.name).toBe('dev')
    expect(decideAccess(access, ci, dev)).toBeUndefined()
    expect(decideAccess(access, jane, prod)?.name).toBe('prod')
    expect(decideAccess(access, { ...jane, groups: [] }, prod)).toBeUndefined()
  })

  it('gives none by a rule whose condition fails to evaluate', () => {
    const withWhen = (when: string) => parse({ access: [{ name: 'a', grant: 'standing', when }] })
    expect(decideAccess(withWhen("target.labels['env'] == 'prod'"), jane, prod)?.name).toBe('a')
    expect(decideAccess(withWhen("target.labels['nope'] == 'x'"), jane, prod)).toBeUndefined()
  })

  it('explains what applies and what does not', () => {
    expect(explain(access, jane, prod)).toMatchObject({
      access: { rule: 'prod', text: 'on request, up to 12h, approved by sre' },
      accessRules: [{ applies: false, text: 'other targets only' }, { applies: true }],
    })
  })

  it('explains only what can match on a target of its type', () => {
    const rules = parse({
      commands: [
        { name: 'etc', match: { writesPaths: ['/etc/**'] }, deny: 'no' },
        { name: 'files', match: { kinds: ['file-*'] }, deny: 'no' },
        { name: 'blind', match: { missingWhere: true }, deny: 'no' },
        { name: 'reading', match: { kinds: ['select', 'exec'] }, allow: true },
        { name: 'all', match: { unknown: true }, allow: true },
      ],
      masking: [
        { name: 'columns', columns: ['customers.email'] },
        { name: 'both', columns: ['customers.phone'], kinds: ['email'] },
      ],
    })
    const of = (type: string) => {
      const { commands, masking } = explain(rules, jane, { ...prod, type })
      return [commands.map(({ rule }) => rule), masking.map(({ rule, text }) => `${rule}: ${text}`)]
    }
    expect(of('postgres')).toEqual([
      ['blind', 'reading', 'all'],
      ['columns: masks customers.email (partial)', 'both: masks customers.phone, email (partial)'],
    ])
    expect(of('ssh')).toEqual([['etc', 'files', 'reading', 'all'], ['both: masks email (partial)']])
  })

  it('a request rule without approvers is not loaded', () => {
    expect(() => parse({ access: [{ name: 'x', grant: 'request' }] })).toThrow(/needs approvers/)
  })
})

it.each([
  ['orders', 'public.orders', true],
  ['orders', 'other.orders', false],
  ['*.orders', 'other.orders', true],
  ['hr.*', 'hr.pay', true],
  ['hr.*', 'public.hr', false],
])('relation pattern %s and %s: %s', (pattern, relation, isMatch) => {
  expect(matchesRelation(pattern, relation, 'public')).toBe(isMatch)
})

it('any edit of the rules changes the version', () => {
  const one = parse({ commands: [{ name: 'a', allow: true }] })
  const two = parse({ commands: [{ name: 'a', allow: true, match: { kinds: ['select'] } }] })
  expect(one.version).not.toBe(two.version)
  expect(parse({ commands: [{ name: 'a', allow: true }] }).version).toBe(one.version)
})

describe('a text that several rules hold', () => {
  const rule = (kind: string, hold: object) => ({
    name: `${kind}s`,
    match: { kinds: [kind] },
    hold: { approvers: { groups: ['sre'] }, batch: true, ...hold },
  })
  const judged = (deletes: object, updates: object, more: Partial<SqlStatement>[] = []) =>
    decideCommand(
      parse({
        commands: [
          rule('delete', deletes),
          rule('update', updates),
          { name: 'reads', match: { kinds: ['select'] }, allow: true },
        ],
      }),
      jane,
      dev,
      command({ kinds: ['delete'] }, { kinds: ['update'] }, ...more),
    )

  it('is one hold where all of them hold in batches, as strict as the strictest of them', () => {
    expect(
      judged(
        { expires: '5m', covers: 'statement' },
        {
          inTransaction: 'refuse',
          covers: 'statement',
          per: 'command',
          approvers: { groups: ['dba', 'sre'], count: 2, stepUp: 'passkey' },
        },
        [{}],
      ),
    ).toEqual({
      type: 'hold',
      rule: 'deletes and updates',
      statement: 'DELETE and UPDATE',
      effect: {
        approvers: { groups: ['sre'], count: 2, stepUp: 'passkey' },
        expires: 300_000,
        inTransaction: 'refuse',
        // Never for other parameters or other requests than those that were shown.
        covers: 'parameters',
        per: 'request',
        batch: true,
      },
    })
  })

  it.each<[string, object, object, Partial<SqlStatement>[], RegExp]>([
    ['one of them does not', {}, { batch: false }, [], /under different rules/],
    [
      'no group may decide on all',
      {},
      { approvers: { groups: ['dba'] } },
      [],
      /no group of approvers decides on all parts of this \("deletes": sre, "updates": dba\)/,
    ],
    ['a statement is denied, however many are held', {}, {}, [{ kinds: ['drop-table'] }], /no rule allows/],
  ])('is refused where %s', (_what, deletes, updates, more, message) => {
    expect(judged(deletes, updates, more)).toMatchObject({ type: 'deny', message: expect.stringMatching(message) })
  })

  it('of one rule is one hold, as it was before there were batches', () => {
    const rules = parse({ commands: [rule('delete', { batch: false, covers: 'statement' })] })
    expect(decideCommand(rules, jane, dev, command({ kinds: ['delete'] }, { kinds: ['delete'] }))).toMatchObject({
      type: 'hold',
      rule: 'deletes',
      effect: { covers: 'statement', batch: false },
    })
  })
})
