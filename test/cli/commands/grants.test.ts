import { describe, expect, it } from 'vitest'
import { grants, revoke } from '../../../src/cli/commands/grants.ts'
import { ago, runVerb } from '../../helpers/verb.ts'

const GRANT = {
  id: 'grt_1',
  person: { id: 'sub|jane', label: 'jane' },
  target: 'prod-db',
  state: 'active',
  endsAt: ago(-30),
  reason: 'ticket\t7',
}

describe('pamctl grants', () => {
  it.each([
    [['grants'], 'GET /v1/grants?all=false&active=false&limit=100'],
    [['grants', '--all'], 'GET /v1/grants?all=true&active=false&limit=100'],
    [['grants', '--active'], 'GET /v1/grants?all=false&active=true&limit=100'],
  ])('%j asks for %s', async (args, call) => {
    const { calls, stderr } = await runVerb([grants], args, { gateway: { 'GET /v1/grants': { items: [] } } })
    expect(calls).toEqual([{ call }])
    expect(stderr).toBe(args.includes('--all') ? 'no grants\n' : 'you have no grants\n')
  })

  it('prints who revoked a grant; a cell is one cell whatever it contains', async () => {
    const revoked = { ...GRANT, state: 'revoked', revoked: { by: 'bob', reason: '', at: ago(1) } }
    const gateway = { 'GET /v1/grants': { items: [GRANT, revoked] } }
    expect((await runVerb([grants], ['grants'], { gateway })).stdout).toBe(
      'grt_1\tjane\tprod-db\tactive\tin 30m\tticket 7\ngrt_1\tjane\tprod-db\trevoked by bob\t\tticket 7\n',
    )
    expect(JSON.parse((await runVerb([grants], ['grants', '--json'], { gateway })).stdout)).toEqual([GRANT, revoked])
  })

  it('says what approved one that no person did', async () => {
    const automatic = { by: 'schedule', rules: ['office hours'] }
    const gateway = { 'GET /v1/grants': { items: [{ ...GRANT, automatic }] } }
    expect((await runVerb([grants], ['grants'], { gateway })).stdout).toContain('\tactive, approved by schedule\t')
  })
})

describe('pamctl revoke', () => {
  it.each([
    [['--reason', 'over'], 'revoke', { reason: 'over' }, 'revoked grt_1: jane on prod-db'],
    [[], 'revoke', { reason: '' }, 'revoked grt_1: jane on prod-db'],
    [['--lift'], 'lift', {}, 'jane may have prod-db again'],
  ])('%j', async (args, verb, body, note) => {
    const call = `POST /v1/grants/grt_1/${verb}`
    const gateway = {
      [call]: GRANT,
      'GET /v1/whoami': { person: { id: 'sub|bob' } },
      'GET /v1/grants': { items: [] },
    }
    const outcome = await runVerb([revoke], ['revoke', 'grt_1', ...args], { gateway })
    expect(outcome).toMatchObject({ code: 0, stdout: '', stderr: `${note}\n` })
    expect(outcome.calls[0]).toEqual({ call, body })
    const json = await runVerb([revoke], ['revoke', 'grt_1', '--json', ...args], { gateway: { [call]: GRANT } })
    expect(JSON.parse(json.stdout)).toEqual(GRANT)
  })

  it.each([
    ['sub|bob', 'true'],
    ['sub|jane', 'false'],
  ])('names the other grants that the person has on the target, to %s', async (id, all) => {
    const items = [
      GRANT,
      { ...GRANT, id: 'grt_2' },
      { ...GRANT, id: 'grt_3', target: 'dev-db' },
      { ...GRANT, id: 'grt_4', person: { id: 'sub|jim', label: 'jane' } },
    ]
    const gateway = {
      'POST /v1/grants/grt_1/revoke': GRANT,
      'GET /v1/whoami': { person: { id } },
      'GET /v1/grants': { items },
    }
    const { calls, stderr } = await runVerb([revoke], ['revoke', 'grt_1'], { gateway })
    expect(calls.at(-1)).toEqual({ call: `GET /v1/grants?all=${all}&active=true&limit=100` })
    expect(stderr).toBe(
      'revoked grt_1: jane on prod-db\njane still has access to prod-db by grt_2: pamctl revoke grt_2\n',
    )
  })

  it.each(['ses_1', 'req_1', 'apr_1'])('is not for %s', async (id) => {
    expect(await runVerb([revoke], ['revoke', id])).toMatchObject({ code: 2, calls: [] })
  })
})
