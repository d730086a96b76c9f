import { describe, expect, it } from 'vitest'
import { extend, request, requestLink, requests, withdraw } from '../../../src/cli/commands/requests.ts'
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
const TARGETS = {
  'GET /v1/targets': {
    items: [
      { name: 'prod-db', reasonRequired: true, labels: { env: 'prod' } },
      { name: 'dev-db', labels: {} },
    ],
  },
}
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

  it('says what approved it at once, and why people decide where the rules let something else approve', async () => {
    const status = 'approved by the schedule of rule "office hours"'
    const made = { ...REQUEST, state: 'approved', status, grantEndsAt: ago(-30) }
    const args = ['request', 'prod-db', '--reason', 'x']
    const approved = await runVerb([request], args, asked(made))
    expect(approved).toMatchObject({ code: 0, stdout: 'req_1\n' })
    expect(approved.stderr).toMatch(
      /^requested access: req_1\napproved by the schedule of rule "office hours", until .*\n$/,
    )
    const waited = await runVerb([request], [...args, '--wait'], asked(made))
    expect(waited.stderr).toBe(approved.stderr)
    const { stderr } = await runVerb([request], args, asked({ ...REQUEST, people: 'not all of it is\u001B within' }))
    expect(stderr).toBe(
      'requested access: req_1 (approvers: sre or leads)\npeople decide: not all of it is\\u{1b} within\n',
    )
  })

  it.each([
    ['where a reason is needed', ['request', 'prod-db'], 2, 'a request for access needs a reason'],
    ['for a target that is not there', ['request', 'prod', '--reason', 'x'], 5, 'no target named "prod"'],
    ['with a length that is none', ['request', 'prod-db', '--for', '90', '--reason', 'x'], 2, 'expected a duration'],
    ['with two reasons', ['request', 'prod-db', '--reason', 'x', '--edit'], 2, '--reason and --edit'],
    ['from the editor without a terminal', ['request', 'prod-db', '--edit'], 2, 'an editor needs a terminal'],
  ])('requests nothing %s', async (_, args, code, message) => {
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

  it('says that a request is still pending when it can no longer wait', async () => {
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

describe('pamctl request for several targets', () => {
  const SEVERAL = { ...REQUEST, target: 'prod-db, dev-db', targets: [{ name: 'prod-db' }, { name: 'dev-db' }] }

  it.each<[string[], object]>([
    [['prod-db', 'dev-db'], { targets: ['prod-db', 'dev-db'] }],
    [['--label', 'env=prod', '--label', 'team=shop=1'], { labels: { env: 'prod', team: 'shop=1' } }],
    // Which of several cannot be requested, the gateway says of all at once.
    [['prod-db', 'nosuch', '--skip-unavailable'], { targets: ['prod-db', 'nosuch'], skipUnavailable: true }],
  ])('%j', async (args, body) => {
    const answer = { ...SEVERAL, skipped: [{ target: 'nosuch', reason: 'not visible' }] }
    const outcome = await runVerb([request], ['request', ...args, '--reason', 'x'], asked(answer))
    expect(outcome.calls.at(-1)?.body).toEqual({ ...body, reason: 'x' })
    expect(outcome).toMatchObject({
      code: 0,
      stdout: 'req_1\n',
      stderr:
        'not requested: nosuch: not visible\nrequested access to prod-db, dev-db: req_1 (approvers: sre or leads)\n',
    })
  })

  it.each([
    ['no target', [], 'no target given'],
    ['names and a label', ['prod-db', '--label', 'env=prod'], 'targets are named, or selected with --label'],
    ['a label that is none', ['--label', 'prod'], 'expected NAME=VALUE'],
    [
      'two values of a label',
      ['--label', 'env=prod', '--label', 'env=dev'],
      'env is given twice, and a label has one value',
    ],
    ['a link to nothing', ['--link'], 'no target given'],
  ])('refuses %s', async (_what, args, message) => {
    const outcome = await runVerb([request], ['request', ...args, '--reason', 'x'], asked(SEVERAL))
    expect(outcome).toMatchObject({ code: 2, calls: [] })
    expect(outcome.stderr).toContain(message)
  })
})

describe('pamctl withdraw', () => {
  const call = 'POST /v1/requests/req_1/withdraw'
  it('withdraws a request', async () => {
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

  it('takes back a held command', async () => {
    const gateway = { 'POST /v1/reviews/apr_1/withdraw': { id: 'apr_1', state: 'withdrawn' } }
    expect(await runVerb([withdraw], ['withdraw', 'apr_1'], { gateway })).toMatchObject({
      code: 0,
      calls: [{ call: 'POST /v1/reviews/apr_1/withdraw' }],
      stdout: 'apr_1 withdrawn\n',
    })
  })

  it('is for nothing else', async () => {
    expect(await runVerb([withdraw], ['withdraw', 'grt_1'])).toMatchObject({
      code: 2,
      calls: [],
      stderr:
        'pamctl: grt_1 is a grant, not a request for access or a held command\nhint: to end it: pamctl revoke grt_1\n',
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

describe('pamctl request, later and by others', () => {
  it('--start is a future time, sent to the gateway in UTC', async () => {
    const { calls } = await runVerb(
      [request],
      ['request', 'prod-db', '--reason', 'x', '--start', '2026-01-06T22:00Z'],
      asked(),
    )
    expect(calls.at(-1)?.body).toEqual({ target: 'prod-db', reason: 'x', startsAt: '2026-01-06T22:00:00.000Z' })
    const wrong = await runVerb([request], ['request', 'prod-db', '--reason', 'x', '--start', 'later'], asked())
    expect(wrong).toMatchObject({ code: 2, calls: [] })
  })

  it('--link requests nothing: it prints a page with a form that a person submits', async () => {
    const args = ['request', 'prod-db', '--link', '--for', '30m', '--reason', 'a & b="c"#']
    const { calls, stdout, code } = await runVerb([request], args)
    expect([code, calls]).toEqual([0, []])
    const url = new URL(stdout.trim())
    expect([url.pathname, ...url.searchParams]).toEqual([
      '/access',
      ['target', 'prod-db'],
      ['for', '30m'],
      ['reason', 'a & b="c"#'],
    ])
    expect(requestLink('https://g.example', ['x', 'y'], {})).toBe('https://g.example/access?target=x&target=y')
    expect(requestLink('https://g.example', [], { label: { env: 'prod', team: 'a=b' } })).toBe(
      'https://g.example/access?label=env%3Dprod&label=team%3Da%3Db',
    )
  })
})

describe('pamctl extend', () => {
  const grant = { id: 'grt_1', target: 'prod-db', standing: false, endsAt: ago(-5) }
  const world = (...items: object[]): World => ({
    gateway: { ...TARGETS, 'GET /v1/grants': { items }, 'POST /v1/requests': { ...REQUEST, extends: 'grt_1' } },
  })

  it('requests more time for the grant that ends last', async () => {
    const later = { ...grant, id: 'grt_2', endsAt: ago(-9) }
    const { calls, stdout, stderr } = await runVerb(
      [extend],
      ['extend', 'prod-db', '--for', '30m', '--reason', 'not done'],
      world(grant, later, { ...grant, id: 'grt_3', target: 'dev-db', endsAt: ago(-99) }),
    )
    expect(calls.at(-1)).toEqual({
      call: 'POST /v1/requests',
      body: { target: 'prod-db', reason: 'not done', extends: 'grt_2', lengthMs: 1_800_000 },
    })
    expect([stdout, stderr]).toEqual(['req_1\n', 'asked for 30m more: req_1 (approvers: sre or leads)\n'])
  })

  it.each([
    ['none', []],
    ['standing access', [{ ...grant, standing: true }]],
    ['access in an emergency', [{ ...grant, breakGlass: 'brk_1' }]],
  ])('has nothing to extend where there is %s', async (_what, items) => {
    const outcome = await runVerb([extend], ['extend', 'prod-db', '--reason', 'x'], world(...items))
    expect(outcome.code).toBe(5)
    expect(outcome.calls.map(({ call }) => call)).toEqual([
      'GET /v1/grants?active=true&limit=500',
      'GET /v1/targets?limit=500',
    ])
  })
})
