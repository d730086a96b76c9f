import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkPolicy, type PolicyTestResult } from '../../../src/server/check/check-policy.ts'
import { parseConfig } from '../../../src/server/config/config.ts'
import { postgresEngine } from '../../../src/protocols/postgres/gateway/engine.ts'
import { createSqlParser, type SqlParser } from '../../../src/protocols/postgres/dialect/sql-parser.ts'

let parser: SqlParser
beforeAll(async () => {
  parser = await createSqlParser()
})
afterAll(async () => parser.close())

const check = async (rules: string, tests: string): Promise<PolicyTestResult[]> => {
  const config = parseConfig(
    `identity: { evaluation: { people: p.yaml } }
targets: [{ name: db, type: postgres, host: h, database: d, user: u }]
commands:
${rules}
  - { name: rest, allow: true }
tests:
${tests}`,
    'pam.yaml',
  )
  return checkPolicy(
    config.tests,
    config.policy,
    config.targets,
    new Map([['postgres', { engine: postgresEngine(parser, '.') }]]),
  )
}

describe('ready-made rule sets', () => {
  it.each([
    ['read-only', 'select 1', 'allow'],
    ['read-only', 'insert into t values (1)', 'deny'],
    ['read-only', 'with x as (delete from t where id = 1 returning 1) select 1', 'deny'],
    ['read-only', 'create temp table x (a int)', 'deny'],
    ['read-only', "select nextval('s')", 'deny'],
    ['read-only', 'explain delete from t', 'allow'],
    ['read-only', 'select * from t for update', 'deny'],
    ['no-blind-writes', 'delete from t', 'deny'],
    ['no-blind-writes', 'delete from t where id = 1', 'allow'],
    ['no-server-files-or-programs', "copy t from '/etc/passwd'", 'deny'],
    ['no-server-files-or-programs', "select pg_read_file('x')", 'deny'],
    ['no-server-files-or-programs', 'copy t to stdout', 'allow'],
    ['no-server-files-or-programs', "load 'x'", 'deny'],
    ['no-privilege-change', 'grant select on t to x', 'deny'],
    ['no-privilege-change', 'set role x', 'deny'],
    ['no-privilege-change', 'alter table t owner to x', 'deny'],
    ['no-privilege-change', 'alter table t disable row level security', 'deny'],
    ['no-privilege-change', 'alter table t add x int', 'allow'],
  ])('%s: %s → %s', async (set, given, expected) => {
    const [result] = await check(
      `  - { use: ${set} }`,
      `  - { given: ${JSON.stringify(given)}, target: db, expect: ${expected} }`,
    )
    expect(result).toMatchObject({ passed: true, verdict: expected })
  })

  it('ddl-needs-approval holds, also what cannot be seen into', async () => {
    const [drop, cascade] = await check(
      '  - { use: ddl-needs-approval, hold: { approvers: { groups: [sre] } } }',
      '  - { given: drop table t, target: db, expect: hold }\n  - { given: drop table t cascade, target: db, expect: hold }',
    )
    expect([drop?.passed, cascade?.passed]).toEqual([true, true])
  })

  it('tests tell verdict and rule, and fail for what is not so', async () => {
    const results = await check(
      '  - { use: no-blind-writes }',
      '  - { given: delete from t, target: db, expect: allow }\n  - { given: select 1, target: nowhere, expect: allow }\n  - { given: select 1, target: db, expect: allow, rule: other }',
    )
    expect(results.map(({ passed, verdict, rule }) => [passed, verdict, rule])).toEqual([
      [false, 'deny', 'no-blind-writes: a missing WHERE'],
      [false, 'no such target', ''],
      [false, 'allow', 'rest'],
    ])
  })

  it.each([
    ['{ use: no-blind-writes, allow: true }', /has its own allow/],
    ['{ use: ddl-needs-approval }', /needs hold/],
    ['{ use: read-only, hold: { approvers: { groups: [a] } } }', /takes no hold/],
    ['{ use: no-such-set }', /use/],
    ['{ allow: true }', /`name` is required/],
  ])('%s is refused when the file is loaded', async (rule, message) => {
    await expect(check(`  - ${rule}`, '  []')).rejects.toThrow(message)
  })
})
