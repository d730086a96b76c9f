import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { result } from '../../../src/cli/commands/result.ts'
import { ResultStore, type KeptResult } from '../../../src/cli/held/result-store.ts'
import { runVerb } from '../../helpers/verb.ts'

const root = mkdtempSync(join(tmpdir(), 'pamctl-result-'))
afterAll(() => rmSync(root, { recursive: true }))
const ID = 'apr_0000000000001'
const DONE: KeptResult = {
  version: 1,
  id: ID,
  target: 'prod-db',
  gateway: 'https://gateway.example',
  person: 'x|jane',
  grant: { id: 'grt_1', endsAt: new Date(Date.now() + 600_000).toISOString() },
  startedAt: new Date().toISOString(),
  pid: process.pid,
  state: 'done',
  waitsFor: ID,
  approvers: ['sre'],
  results: [{ columns: [{ name: 'a', type: 'int4', json: 'number' }], rows: [['7']], hasMore: false }],
}
const GRANT = { id: 'grt_1', state: 'active' }

function pamctl(
  kept: Partial<KeptResult>,
  args: readonly string[],
  { grants = [GRANT], review = {}, who = 'x|jane' } = {},
) {
  const home = mkdtempSync(join(root, 'home-'))
  const store = new ResultStore(home)
  store.save({ ...DONE, ...kept })
  const gateway = {
    'GET /v1/whoami': { person: { id: who } },
    'GET /v1/grants': { items: grants },
    [`GET /v1/reviews/${ID}`]: review,
  }
  return runVerb([result], ['result', ...args], { home, gateway }).then((outcome) => ({
    ...outcome,
    left: store.list().length,
  }))
}
const withoutResults = (kept: Partial<KeptResult>): Partial<KeptResult> => ({ results: [], ...kept })

describe('pamctl result', () => {
  it('prints the rows once', async () => {
    expect(await pamctl({}, [ID, '--format', 'ndjson'])).toMatchObject({ code: 0, stdout: '{"a":7}\n', left: 0 })
    expect(await pamctl({}, [ID, '--keep', '--format', 'csv'])).toMatchObject({ code: 0, stdout: 'a\n7\n', left: 1 })
  })

  it.each([
    ['of another person', {}, { who: 'x|bob' }, 1, 'no result', 1],
    ['of another gateway', { gateway: 'https://other.example' }, {}, 1, 'no result', 1],
    ['of access that was revoked', {}, { grants: [] }, 5, 'your access to prod-db has ended', 0],
    ['of access that is over', {}, { grants: [{ ...GRANT, state: 'over' }] }, 5, 'your access to prod-db has ended', 0],
    ['that waits', { state: 'held' }, { review: { state: 'pending' } }, 6, `${ID} is held, waiting for sre`, 1],
    ['that runs', { state: 'running' }, { review: { state: 'used' } }, 6, `${ID} was approved and is running`, 1],
    [
      'that nobody runs, held',
      { state: 'held', pid: 2 ** 22 + 1 },
      { review: { state: 'withdrawn' } },
      1,
      'did not run',
      0,
    ],
    [
      'that nobody runs, approved',
      { state: 'running', pid: 2 ** 22 + 1 },
      { review: { state: 'used' } },
      7,
      'whether it has run',
      0,
    ],
    [
      'that was denied',
      { state: 'failed', error: { code: 'HOLD_DENIED', message: 'denied by bob' } },
      {},
      5,
      'denied by bob',
      0,
    ],
    [
      'that was cut off',
      { state: 'failed', error: { code: 'NOT_SIGNED_IN', message: 'you signed out' } },
      { review: { state: 'withdrawn' } },
      1,
      'you signed out',
      0,
    ],
  ] as const)('prints no rows %s', async (_, kept, world, code, message, left) => {
    const outcome = await pamctl(withoutResults(kept), [ID], { grants: [GRANT], ...world } as never)
    expect(outcome).toMatchObject({ code, stdout: '', left })
    expect(outcome.stderr).toContain(message)
  })

  it('prints the output of a command and exits with its code', async () => {
    const base64 = (text: string): string => Buffer.from(text).toString('base64')
    const output = { exitCode: 3, stdout: base64('out'), stderr: base64('err'), truncated: false }
    const kept = { output, results: undefined } as unknown as Partial<KeptResult>
    const { code, stdout, left } = await pamctl(kept, [ID, '--json'])
    expect([code, JSON.parse(stdout), left]).toEqual([
      3,
      { exitCode: 3, stdout: 'out', stderr: 'err', truncated: false },
      0,
    ])
    expect(await pamctl(kept, [ID, '--format', 'csv'])).toMatchObject({ code: 2, stdout: '', left: 1 })
  })

  it('lists the stored results and what they wait for', async () => {
    const { stdout } = await pamctl({}, ['--json'])
    expect(JSON.parse(stdout)).toMatchObject([{ id: ID, target: 'prod-db', state: 'done' }])
    const held = await pamctl({ state: 'held' }, [])
    expect(held.stdout).toContain('\theld, waiting for sre\t')
    const lost = await pamctl({ state: 'held', pid: 2 ** 22 + 1 }, [])
    expect(lost.stdout).toContain('\tlost\t')
  })
})
