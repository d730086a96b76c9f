import { describe, expect, it } from 'vitest'
import { lock, locks, unlock } from '../../../src/cli/commands/locks.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { ago, runVerb } from '../../helpers/verb.ts'

const LOCK = {
  id: 'lck_1',
  subject: { type: 'person', id: 'sub|jane', label: 'jane' },
  what: 'jane',
  reason: 'incident\t7',
  by: 'bob',
  state: 'active',
  createdAt: ago(5),
}

describe('pamctl lock', () => {
  it.each([
    [['--person', 'jane'], { person: 'jane' }],
    [['--target', 'prod-db', '--for', '2h'], { target: 'prod-db', lengthMs: 7_200_000 }],
    [['--label', 'env=a=b'], { label: { name: 'env', value: 'a=b' } }],
    [['--all'], { all: true }],
    [['--person', 'me', '--including-me'], { person: 'me', includingSelf: true }],
  ])('%j', async (args, body) => {
    const gateway = { 'POST /v1/locks': { ...LOCK, endedSessions: 1 } }
    const outcome = await runVerb([lock], ['lock', ...args, '--reason', 'incident 7'], { gateway })
    expect(outcome).toMatchObject({
      code: 0,
      calls: [{ call: 'POST /v1/locks', body: { ...body, reason: 'incident 7' } }],
      stdout: 'lck_1\n',
      stderr: 'jane is locked out; 1 session ended\n',
    })
    const json = await runVerb([lock], ['lock', ...args, '--reason', 'x', '--json'], { gateway })
    expect(JSON.parse(json.stdout)).toEqual({ ...LOCK, endedSessions: 1 })
  })

  it.each([
    [[], 'no person or target to lock was given'],
    [['--all', '--target', 'x', '--reason', 'y'], 'lock one thing at a time'],
    [['--target', 'x'], 'a lock needs a reason'],
    [['--label', '=x', '--reason', 'y'], '"=x" is not a label'],
  ])('%j is refused before anything is asked for', async (args, message) => {
    const outcome = await runVerb([lock], ['lock', ...args])
    expect(outcome).toMatchObject({ code: 2, calls: [] })
    expect(outcome.stderr).toContain(message)
  })
})

describe('pamctl unlock', () => {
  it('lifts a lock, and passes on why the gateway refuses to', async () => {
    const call = 'POST /v1/locks/lck_1/lift'
    expect(
      await runVerb([unlock], ['unlock', 'lck_1', '--reason', 'over'], { gateway: { [call]: LOCK } }),
    ).toMatchObject({
      code: 0,
      calls: [{ call, body: { reason: 'over' } }],
      stderr: 'lifted lck_1: jane\n',
    })
    const refused = new PamError('NOT_ALLOWED', 'lck_1 locks you: somebody else has to lift it')
    expect(await runVerb([unlock], ['unlock', 'lck_1'], { gateway: { [call]: refused } })).toMatchObject({ code: 5 })
    expect(await runVerb([unlock], ['unlock', 'grt_1'])).toMatchObject({ code: 2, calls: [] })
  })
})

describe('pamctl locks', () => {
  it('lists the locks in force, or all', async () => {
    const ended = { ...LOCK, id: 'lck_2', state: 'over', endsAt: ago(1) }
    const lifted = { ...LOCK, id: 'lck_3', state: 'lifted', endsAt: ago(-60) }
    const gateway = { 'GET /v1/locks': { items: [LOCK, ended, lifted] } }
    const outcome = await runVerb([locks], ['locks'], { gateway })
    expect(outcome.stdout).toBe(
      'lck_1\tjane\tactive\tbob\t5m ago\twhen lifted\tincident 7\nlck_2\tjane\tover\tbob\t5m ago\t1m ago\tincident 7\n' +
        'lck_3\tjane\tlifted\tbob\t5m ago\t\tincident 7\n',
    )
    expect(outcome.calls).toEqual([{ call: 'GET /v1/locks?active=true&limit=500' }])
    const all = await runVerb([locks], ['locks', '--all', '--json'], { gateway })
    expect(all.calls).toEqual([{ call: 'GET /v1/locks?active=false&limit=500' }])
    expect((await runVerb([locks], ['locks'], { gateway: { 'GET /v1/locks': { items: [] } } })).stderr).toBe(
      'no locks\n',
    )
  })
})
