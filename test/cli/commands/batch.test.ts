import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { batch, whatRan } from '../../../src/cli/commands/batch.ts'
import { StatementError } from '../../../src/protocols/query-client.ts'
import { PamError, type ErrorBody } from '../../../src/shared/errors.ts'
import { runVerb, type World } from '../../helpers/verb.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

const world = (type: string): World => ({
  gateway: {
    'GET /v1/targets': { items: [{ name: 'prod', type, grant: 'standing', accounts: ['app'], database: 'app' }] },
  },
  agent: { listen: { host: '127.0.0.1', port: 1 } },
})
const pamctl = (sql: string, type = 'postgres') => {
  const file = join(directory, 'batch.sql')
  writeFileSync(file, sql)
  return runVerb([batch], ['batch', 'prod', file], world(type))
}

describe('pamctl batch', () => {
  it.each([
    ['an empty file', ' \n', 'postgres', 'the file has no statement'],
    ['a command of psql', 'select 1;\n\\i more.sql\n', 'postgres', 'line 2: \\i, a command of psql, cannot be part'],
    [
      'COPY from the client',
      'select 1;\n\ncopy t (a, b)\nfrom STDIN csv;',
      'postgres',
      'line 3: COPY FROM STDIN cannot',
    ],
    ['COPY to the client', 'Copy (select 1) to  stdout', 'postgres', 'line 1: COPY TO STDOUT cannot'],
    ['MySQL', 'select 1; select 2', 'mysql', 'prod is not a PostgreSQL target'],
    ['another protocol', 'ls', 'ssh', 'prod is an SSH target, and pamctl batch is for databases'],
  ])('refuses %s, and opens nothing', async (_what, sql, type, message) => {
    const { code, stdout, stderr, agentCalls } = await pamctl(sql, type)
    expect({ code, stdout, agentCalls }).toEqual({ code: 2, stdout: '', agentCalls: [] })
    expect(stderr).toContain(message)
  })

  it('says what of a file cannot be read', async () => {
    const { code, stderr } = await runVerb([batch], ['batch', 'prod', '/nowhere/x.sql'], world('postgres'))
    expect([code, stderr]).toEqual([2, expect.stringContaining('/nowhere/x.sql')])
  })

  it('accepts COPY of a file on the server, and words that only look alike', async () => {
    const { agentCalls, stderr } = await pamctl("copy t from '/srv/t.csv'; update t set stdin = 'copy'")
    expect(agentCalls.map(({ method }) => method)).toEqual(['listen'])
    expect(stderr).toContain('what ran, and whether it was committed, is not known')
  })
})

describe('what a failed batch has done', () => {
  const error = (code: ErrorBody['code'], id?: string) =>
    new StatementError({ code, message: 'x', sqlstate: 'XX000', ...(id === undefined ? {} : { id }) })
  const failure = (sqlstate: string, ranNothing = false) =>
    new StatementError({ code: 'STATEMENT_FAILED', message: 'x', sqlstate, ranNothing })
  const SQL = "begin; delete from t where a = ';';\n-- one more;\nUpdate t set a = 1; (select 1); select 2;"
  const tags = (...commands: string[]) => commands.map((command) => ({ command }))

  it.each<[string, unknown, ReturnType<typeof tags>, string]>([
    ['is nothing where it was refused', error('COMMAND_REFUSED', 'dec_0000000000001'), [], 'nothing ran'],
    ['is nothing where approvers denied it', error('HOLD_DENIED', 'apr_0000000000001'), [], 'nothing ran'],
    ['is nothing where masks refuse it', error('MASKING_REFUSED', 'dec_0000000000001'), [], 'nothing ran'],
    ['is nothing where it cannot be parsed', failure('42601', true), [], 'nothing ran'],
    [
      'is undone by the target',
      error('STATEMENT_FAILED'),
      tags('DELETE', 'SELECT'),
      'statement 3 of 5 (UPDATE) failed; the target rolled back the whole batch',
    ],
    [
      'is undone where its first statement failed',
      failure('42P01'),
      [],
      'statement 1 of 5 (BEGIN) failed; the target rolled back the whole batch',
    ],
    [
      'is undone where an error of the gateway is in its middle',
      failure('42P01', true),
      tags('BEGIN'),
      'statement 2 of 5 (DELETE) failed; the target rolled back the whole batch',
    ],
    [
      'is undone where a deferred check may have failed',
      failure('23503'),
      tags('BEGIN', 'DELETE', 'UPDATE', 'SELECT'),
      'statement 5 of 5 (SELECT), or the commit after it, failed; the target rolled back the whole batch',
    ],
    [
      'is undone where only the commit can have failed',
      failure('23503'),
      tags('BEGIN', 'DELETE', 'UPDATE', 'SELECT', 'SELECT'),
      'the commit failed; the target rolled back the whole batch',
    ],
    [
      'is kept up to its last COMMIT',
      error('STATEMENT_FAILED'),
      tags('BEGIN', 'DELETE', 'COMMIT', 'UPDATE'),
      'statement 5 of 5 (SELECT) failed; the target keeps what statement 3 committed, and nothing after it',
    ],
    [
      'is undone where what ended its transaction was no COMMIT',
      error('STATEMENT_FAILED'),
      tags('DELETE', 'ROLLBACK', 'UPDATE'),
      'statement 4 of 5 (SELECT) failed; the target rolled back the whole batch',
    ],
    ['is unknown after a lost connection', new PamError('GATEWAY_LOST', 'x'), tags('DELETE'), unknown()],
    ['is unknown after a time-out', new PamError('STATEMENT_TIMEOUT', 'x'), [], unknown()],
    ['is unknown where the gateway ended it in the middle', error('GRANT_OVER'), tags('DELETE'), unknown()],
  ])('%s', (_what, failure, results, said) => expect(whatRan(failure, results, SQL)).toBe(said))

  it('names no statement where their number is not known', () => {
    const sql = 'create function f() begin atomic select 1; select 2; end; select 1/0'
    expect(whatRan(failure('22012'), tags('CREATE FUNCTION'), sql)).toBe(
      'statement 2 failed; the target rolled back the whole batch',
    )
  })

  function unknown(): string {
    return 'what ran, and whether it was committed, is not known'
  }
})
