import { describe, expect, it } from 'vitest'
import { request, requests, withdraw } from '../../../src/cli/commands/requests.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { ago, runVerb, type World } from '../../helpers/verb.ts'

const REQUEST = {
  id: 'req_1',
  requester: { label: 'jane' },
  target: 'prod-db',
  state: 'pending',
  status: 'waiting for sre',
  approvers: { groups: ['sre', 'leads'], count: 1 },
  reason: 'ticket 7',
  lengthMs: 1_800_000,
  createdAt: ago(2),
}
const APPROVED = { ...REQUEST, state: 'approved', status: 'approved by bob' }
const DENIED = { ...REQUEST, state: 'denied', status: 'denied by bob: no' }
const TARGETS = { 'GET /v1/targets': { items: [{ name: 'prod-db', reasonRequired: true }, { name: 'dev-db' }] } }
const asked = (answer: object = REQUEST): World => ({ gateway: { ...TARGETS, 'POST /v1/requests': answer } })

describe('pamctl request', () => {
  it.each([
    [['--reason', 'ticket 7'], { target: 'prod-db', reason: 'ticket 7' }],
    [['--reason', 'ticket 7', '--for', '1h30m'], { target: 'prod-db', reason: 'ticket 7', lengthMs: 5_400_000 }],
  ])('%j', async (args, body) => {
    const { calls, ...rest } = await runVerb([request], ['request', 'prod-db', ...args], asked())
    expect(calls.at(-1)).toEqual({ call: 'POST /v1/requests', body })
    expect(rest).toMatchObject({
      code: 0,
      stdout: 'req_1\n',
      stderr: 'requested access: req_1 (approvers: sre or leads)\n',
    })
  })

  it.each([
    ['where a reason is needed', ['request', 'prod-db'], 2, 'a request for access needs a reason'],
    ['for a target that is not there', ['request', 'prod', '--reason', 'x'], 5, 'no target named "prod"'],
    ['with a length that is none', ['request', 'prod-db', '--for', '90', '--reason', 'x'], 2, 'expected a duration'],
    ['with two reasons', ['request', 'prod-db', '--reason', 'x', '--edit'], 2, '--reason and --edit'],
    ['from the editor without a terminal', ['request', 'prod-db', '--edit'], 2, 'an editor needs a terminal'],
  ])('asks for nothing %s', async (_, args, code, message) => {
    const outcome = await runVerb([request], args, asked())
    expect(outcome.code).toBe(code)
    expect(outcome.stderr).toContain(message)
    expect(outcome.calls.filter(({ call }) => call.startsWith('POST'))).toEqual([])
  })

  it.each([
    ['approved', APPROVED, 0, 'approved by bob'],
    ['denied', DENIED, 5, 'pamctl: req_1 was denied by bob: no'],
  ])('--wait waits until it is %s', async (_, decided, code, words) => {
    const later = [{ ...REQUEST, status: 'one of two approved' }, decided]
    const world = asked()
    const outcome = await runVerb([request], ['request', 'prod-db', '--reason', 'x', '--wait', '--json'], {
      gateway: { ...world.gateway, 'GET /v1/requests/req_1': () => later.shift() as object },
    })
    expect(outcome.code).toBe(code)
    expect(outcome.calls.slice(-2).map(({ call }) => call)).toEqual(
      Array.from({ length: 2 }, () => 'GET /v1/requests/req_1?waitMs=25000'),
    )
    expect(outcome.stderr).toContain(`one of two approved\n${words}`)
    expect(JSON.parse(outcome.stdout)).toEqual(decided)
  })

  it('says that a request stands when it can no longer be waited for', async () => {
    const world = asked()
    const outcome = await runVerb([request], ['request', 'prod-db', '--reason', 'x', '--wait'], {
      gateway: { ...world.gateway, 'GET /v1/requests/req_1': new PamError('SHUTTING_DOWN', 'the gateway stops') },
    })
    expect(outcome).toMatchObject({ code: 7, stdout: '' })
    expect(outcome.stderr).toContain(
      'req_1 is still waiting; to withdraw it: pamctl withdraw req_1\npamctl: the gateway stops',
    )
  })
})

describe('pamctl withdraw', () => {
  const call = 'POST /v1/requests/req_1/withdraw'
  it('takes a request back', async () => {
    const world = { gateway: { [call]: { ...REQUEST, state: 'withdrawn' } } }
    expect(await runVerb([withdraw], ['withdraw', 'req_1'], world)).toMatchObject({
      code: 0,
      calls: [{ call }],
      stdout: 'req_1 withdrawn\n',
    })
    expect(JSON.parse((await runVerb([withdraw], ['withdraw', 'req_1', '--json'], world)).stdout).state).toBe(
      'withdrawn',
    )
  })

  it('is for requests alone', async () => {
    expect(await runVerb([withdraw], ['withdraw', 'apr_1'])).toMatchObject({
      code: 2,
      calls: [],
      stderr:
        'pamctl: apr_1 is a held command, not a request for access\nhint: to decide on it: pamctl approve apr_1, pamctl deny apr_1\n',
    })
  })
})

describe('pamctl requests', () => {
  it('lists them', async () => {
    const world = { gateway: { 'GET /v1/requests': { items: [REQUEST] } } }
    const { stdout, calls } = await runVerb([requests], ['requests'], world)
    expect(calls).toEqual([{ call: 'GET /v1/requests?limit=50' }])
    expect(stdout).toBe('req_1\tjane\tprod-db\t30m\t2m ago\twaiting for sre\tticket 7\n')
    expect(JSON.parse((await runVerb([requests], ['requests', '--json'], world)).stdout)).toEqual([REQUEST])
  })

  it('says that there are none', async () => {
    const world = { gateway: { 'GET /v1/requests': { items: [] } } }
    expect(await runVerb([requests], ['requests'], world)).toMatchObject({ stdout: '', stderr: 'no requests\n' })
  })
})
