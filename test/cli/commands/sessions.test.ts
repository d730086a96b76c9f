import { describe, expect, it } from 'vitest'
import { kill, sessions } from '../../../src/cli/commands/sessions.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { ago, runVerb } from '../../helpers/verb.ts'

const OPEN = { id: 'ses_1', person: { label: 'jane' }, target: 'prod-db', openedAt: ago(3), commands: 4 }
const OVER = { ...OPEN, id: 'ses_2', ended: { at: ago(1), code: 'CLIENT_LEFT', message: 'the client left' } }
const LOST = {
  ...OPEN,
  id: 'ses_3',
  commands: 0,
  ended: { at: ago(1), code: 'GATEWAY_STOPPED', message: 'the gateway stopped' },
}

describe('pamctl sessions', () => {
  it.each([
    [['sessions'], 'GET /v1/sessions?active=false&limit=30'],
    [['sessions', '--active', '--limit', '5'], 'GET /v1/sessions?active=true&limit=5'],
  ])('%j asks for %s', async (args, call) => {
    const { calls, code } = await runVerb([sessions], args, { gateway: { 'GET /v1/sessions': { items: [] } } })
    expect(calls).toEqual([{ call }])
    expect(code).toBe(0)
  })

  it('counts the commands, unless a stop of the gateway lost the count, and says why sessions have ended', async () => {
    const gateway = { 'GET /v1/sessions': { items: [OPEN, OVER, LOST] } }
    expect((await runVerb([sessions], ['sessions'], { gateway })).stdout).toBe(
      'ses_1\tjane\tprod-db\t3m ago\t4\topen\nses_2\tjane\tprod-db\t3m ago\t4\t1m ago, the client left\n' +
        'ses_3\tjane\tprod-db\t3m ago\t\t1m ago, the gateway stopped\n',
    )
    const { stdout } = await runVerb([sessions], ['sessions', '--json'], { gateway })
    expect(JSON.parse(stdout)).toEqual([OPEN, OVER, LOST])
  })

  it('says on stderr that there are none; in JSON the list is empty', async () => {
    const gateway = { 'GET /v1/sessions': { items: [] } }
    expect(await runVerb([sessions], ['sessions'], { gateway })).toMatchObject({ stdout: '', stderr: 'no sessions\n' })
    expect((await runVerb([sessions], ['sessions', '--json'], { gateway })).stdout).toBe('[]\n')
  })

  it.each(['0', '-1', '1.5', 'x', '65536'])('--limit %s is wrong usage', async (limit) => {
    expect(await runVerb([sessions], ['sessions', '--limit', limit])).toMatchObject({ code: 2, calls: [] })
  })
})

describe('pamctl kill', () => {
  it('ends a session, with a reason or without', async () => {
    const world = { gateway: { 'POST /v1/sessions/ses_1/kill': OPEN } }
    const killed = await runVerb([kill], ['kill', 'ses_1', '--reason', 'lunch'], world)
    expect(killed.calls).toEqual([{ call: 'POST /v1/sessions/ses_1/kill', body: { reason: 'lunch' } }])
    expect(killed).toMatchObject({ code: 0, stdout: '', stderr: 'ended ses_1: jane on prod-db\n' })
    const { calls, stdout } = await runVerb([kill], ['kill', 'ses_1', '--json'], world)
    expect(calls[0]?.body).toEqual({ reason: '' })
    expect(JSON.parse(stdout)).toEqual(OPEN)
  })

  it('refuses the id of a grant before it calls the gateway, and names the verb for one', async () => {
    const { code, calls, stderr } = await runVerb([kill], ['kill', 'grt_1'])
    expect({ code, calls }).toEqual({ code: 2, calls: [] })
    expect(stderr).toBe('pamctl: grt_1 is a grant, not a session\nhint: to end it: pamctl revoke grt_1\n')
  })

  it('exits with the code of the gateway’s error', async () => {
    const gateway = { 'POST /v1/sessions/ses_1/kill': new PamError('NOT_ALLOWED', 'only operators', { hint: 'ask' }) }
    expect(await runVerb([kill], ['kill', 'ses_1'], { gateway })).toMatchObject({
      code: 5,
      stderr: 'pamctl: only operators\nhint: ask\n',
    })
  })
})
