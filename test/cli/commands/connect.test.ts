import { describe, expect, it } from 'vitest'
import type { AgentEvent } from '../../../src/agent/control-messages.ts'
import { connect, isShownBeside } from '../../../src/cli/commands/connect.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { ago, runVerb, type World } from '../../helpers/verb.ts'

const DB = { name: 'prod-db', type: 'postgres', grant: 'standing', accounts: ['app'], database: 'app' }
const ASKED = { ...DB, grant: 'request', reasonRequired: true }
const REQUEST = {
  id: 'req_1',
  target: 'prod-db',
  state: 'pending',
  status: 'waiting',
  approvers: { groups: ['sre'], count: 1 },
  reason: 'ticket 7',
  lengthMs: 3_600_000,
  createdAt: ago(2),
}
const none = { items: [] }
const world = (target: object, more: World['gateway'] = {}): World => ({
  gateway: { 'GET /v1/targets': { items: [target] }, 'GET /v1/grants': none, 'GET /v1/requests': none, ...more },
  agent: { listen: { host: '127.0.0.1', port: 5433 } },
  environment: { PATH: process.env['PATH'], PGSERVICE: 'elsewhere' },
})
const pamctl = (args: readonly string[], setting: World) => runVerb([connect], ['connect', ...args], setting)

describe('pamctl connect TARGET -- CLIENT', () => {
  it.each([
    ['the client’s exit code is its own', 'exit 7', 7],
    [
      'it finds the port by its environment',
      'test "$PGHOST $PGPORT $PGUSER $PGDATABASE" = "127.0.0.1 5433 app app"',
      0,
    ],
    ['nothing in it leads elsewhere', 'test -z "$PGSERVICE"', 0],
    ['a signal counts as in a shell', 'kill -TERM $$', 143],
  ])('%s', async (_, script, code) => {
    const outcome = await pamctl(['prod-db', '--', 'sh', '-c', script], world(DB))
    expect(outcome).toMatchObject({ code, stdout: '', stderr: '' })
    expect(outcome.agentCalls).toEqual([
      { method: 'listen', params: { profile: 'default', target: 'prod-db', protocol: 'postgres', own: true } },
    ])
  })

  it.each<[Pick<AgentEvent, 'kind' | 'late'>, client: boolean, shell: boolean]>([
    [{ kind: 'ahead' }, true, true],
    [{ kind: 'untold' }, true, true],
    [{ kind: 'told' }, false, false],
    [{ kind: 'told', late: true }, false, true],
  ])('what is said as %j is shown beside a client: %s, beside a shell: %s', (event, client, shell) => {
    expect(isShownBeside('a client', event)).toBe(client)
    expect(isShownBeside('a shell', event)).toBe(shell)
    expect(isShownBeside('nothing', event)).toBe(true)
  })

  it.each([
    [
      'no-such-client',
      127,
      'pamctl: no-such-client was not found\nhint: check that it is installed and on your PATH\n',
    ],
    ['/dev/null', 126, 'pamctl: /dev/null cannot be run: permission denied\n'],
  ])('%s ends with %i', async (client, code, stderr) => {
    expect(await pamctl(['prod-db', '--', client], world(DB))).toMatchObject({ code, stderr })
  })

  it.each([
    ['a client of another protocol', ['prod-db', '--', '/usr/bin/ssh', 'x'], DB, 2, 'ssh is a client for'],
    ['a target that is not there', ['prod', '--', 'true'], DB, 5, 'no target named "prod"'],
    ['a protocol that is not known', ['prod-db'], { ...DB, type: 'oracle' }, 1, 'does not know targets of type oracle'],
    ['a port that is none', ['prod-db', '--port', '70000'], DB, 2, 'expected a whole number from 1 to 65535'],
  ])('opens nothing for %s', async (_, args, target, code, message) => {
    const outcome = await pamctl(args, world(target))
    expect(outcome).toMatchObject({ code, stdout: '', agentCalls: [] })
    expect(outcome.stderr).toContain(message)
  })
})

describe('pamctl connect TARGET', () => {
  it('says how to use the port, and ends when the agent exits', async () => {
    const setting: World = {
      ...world(DB),
      agentLeavesAfter: 'listen',
      agent: { listen: { host: '127.0.0.1', port: 5434, usualPort: 5433 } },
    }
    const { stdout, stderr, code, agentCalls } = await pamctl(['prod-db', '--port', '5434', '--json'], setting)
    expect(JSON.parse(stdout)).toMatchObject({ target: 'prod-db', host: '127.0.0.1', port: 5434, user: 'app' })
    expect(stderr).toContain('pamctl: port 5433, usual for prod-db, is in use; using 5434\nCtrl-C closes it\n')
    expect(stderr).toContain('lost the connection to the local agent')
    expect(code).toBe(1)
    expect(agentCalls[0]?.params).toMatchObject({ port: 5434 })
  })
})

describe('where access must be requested', () => {
  const client = ['prod-db', '--', 'true']
  const made = { 'POST /v1/requests': REQUEST }
  it('uses a current grant', async () => {
    const grant = { id: 'grt_1', target: 'prod-db', state: 'active', endsAt: ago(-30) }
    const other = { ...grant, target: 'dev-db' }
    const setting = world(ASKED, { 'GET /v1/grants?active=true&limit=100': { items: [other, grant] } })
    const { code, stderr } = await pamctl(client, setting)
    expect(code).toBe(0)
    expect(stderr).toMatch(/^access to prod-db until .* \(grt_1\)\n$/)
  })

  it.each([
    [
      ['--reason', 'ticket 7', '--for', '1h'],
      { target: 'prod-db', unlessHeld: true, reason: 'ticket 7', lengthMs: 3_600_000 },
    ],
    [['--reason', ''], { target: 'prod-db', unlessHeld: true, reason: '' }],
  ])('%j: requests access, and does not wait for it without a terminal', async (args, body) => {
    const outcome = await pamctl([...args, ...client], world(ASKED, made))
    expect(outcome.calls.at(-1)).toEqual({ call: 'POST /v1/requests', body })
    expect(outcome).toMatchObject({ code: 6, agentCalls: [] })
    expect(outcome.stderr).toContain('requested access: req_1 (approvers: sre) …\npamctl: req_1 waits for approval\n')
  })

  it('one that a rule approves at once is used', async () => {
    const approved = {
      ...REQUEST,
      state: 'approved',
      status: 'approved by the schedule of rule "r"',
      grantEndsAt: ago(-30),
    }
    const { code, stderr } = await pamctl(['--reason', 'x', ...client], world(ASKED, { 'POST /v1/requests': approved }))
    expect(code).toBe(0)
    expect(stderr).toContain('approved by the schedule of rule "r", until ')
  })

  it('reuses a pending request, and says which options of this command it ignores', async () => {
    const setting = world(ASKED, { 'GET /v1/requests?limit=100&mine=true': { items: [REQUEST] } })
    const { code, stderr, calls } = await pamctl(['--reason', 'other', '--for', '2h', ...client], setting)
    expect(code).toBe(6)
    expect(calls.map(({ call }) => call)).not.toContain('POST /v1/requests')
    expect(stderr).toContain('already requested: req_1, 2m ago, for 1h: ticket 7\n')
    expect(stderr).toContain('--reason and --for ignored')
  })

  it('uses the grant that another command got meanwhile', async () => {
    const grant = { id: 'grt_1', target: 'prod-db', state: 'active', endsAt: ago(-30) }
    const lists = [{ items: [] }, { items: [grant] }]
    const setting = world(ASKED, {
      'GET /v1/grants?active=true&limit=100': () => lists.shift() ?? {},
      'POST /v1/requests': new PamError('ALREADY_GRANTED', 'you have access to prod-db already', { id: 'grt_1' }),
    })
    const { stderr, code } = await pamctl(['--reason', 'ticket 7', ...client], setting)
    expect(code).toBe(0)
    expect(stderr).toMatch(/^access to prod-db until .* \(grt_1\)\n$/)
  })

  it('says so where that grant has ended again', async () => {
    const setting = world(ASKED, {
      'POST /v1/requests': new PamError('ALREADY_GRANTED', 'you have access to prod-db already', { id: 'grt_1' }),
    })
    const { stderr, code } = await pamctl(['--reason', 'ticket 7', ...client], setting)
    expect([code, stderr]).toEqual([1, 'pamctl: you have access to prod-db already\n'])
  })

  it('reuses a request that another command made meanwhile', async () => {
    const setting = world(ASKED, {
      'POST /v1/requests': new PamError('REQUEST_PENDING', 'waits', { id: 'req_1' }),
      'GET /v1/requests/req_1': REQUEST,
    })
    const { stderr, code } = await pamctl(['--reason', 'ticket 7', ...client], setting)
    expect(code).toBe(6)
    expect(stderr).toContain('already requested: req_1')
    expect(stderr).not.toContain('ignored')
  })

  it.each([
    ['approved', 0, 1],
    ['denied', 5, 0],
    ['expired', 5, 0],
  ])('--wait: %s', async (state, code, opened) => {
    const setting = world(ASKED, { ...made, 'GET /v1/requests/req_1': { ...REQUEST, state, status: state } })
    const outcome = await pamctl(['--wait', '--reason', 'x', ...client], setting)
    expect(outcome.code).toBe(code)
    expect(outcome.agentCalls).toHaveLength(opened)
  })

  it('requests nothing without the required reason', async () => {
    const outcome = await pamctl(client, world(ASKED, made))
    expect(outcome).toMatchObject({ code: 2, agentCalls: [] })
    expect(outcome.calls.map(({ call }) => call)).not.toContain('POST /v1/requests')
  })
})
