import { describe, expect, it } from 'vitest'
import { approveInBrowser } from '../../../src/cli/approve-in-browser.ts'
import { approve, deny, reviews } from '../../../src/cli/commands/reviews.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { ago, runVerb } from '../../helpers/verb.ts'

const REQUEST = {
  state: 'pending',
  id: 'req_1',
  kind: 'request',
  requester: { label: 'jane' },
  target: 'prod-db',
  createdAt: ago(5),
  lengthMs: 3_600_000,
  reason: 'ticket\u001b]0;x',
  rule: 'engineers',
  approvers: { groups: ['sre'], count: 1 },
}
const COMMAND = {
  ...REQUEST,
  id: 'apr_1',
  kind: 'command',
  text: 'delete from t\nwhere a = $1',
  parameters: ['7\u202e', null],
  effect: 'writes t',
  digest: 'd1',
}
const decided = (id: string) => ({ review: { id, status: 'approved by bob\u0007' } })

describe('pamctl reviews', () => {
  it('lists pending reviews', async () => {
    const gateway = { 'GET /v1/reviews': { items: [REQUEST, COMMAND] } }
    expect((await runVerb([reviews], ['reviews'], { gateway })).stdout).toBe(
      'req_1\trequest\tjane\tprod-db\t5m\t1h: ticket\\u{1b}]0;x\napr_1\tcommand\tjane\tprod-db\t5m\tdelete from t where a = $1\n',
    )
    expect(JSON.parse((await runVerb([reviews], ['reviews', '--json'], { gateway })).stdout)).toEqual([
      REQUEST,
      COMMAND,
    ])
    expect(await runVerb([reviews], ['reviews'], { gateway: { 'GET /v1/reviews': { items: [] } } })).toMatchObject({
      stdout: '',
      stderr: 'nothing is waiting for you\n',
    })
  })
})

describe('pamctl approve, pamctl deny', () => {
  it('shows a request in full, and sends the decision', async () => {
    const outcome = await runVerb([approve], ['approve', 'req_1', '--comment', 'go', '--for', '30m'], {
      gateway: { 'GET /v1/reviews/req_1': REQUEST, 'POST /v1/reviews/req_1/decision': decided('req_1') },
    })
    expect(outcome).toMatchObject({ code: 0, stdout: '' })
    expect(outcome.calls.at(-1)?.body).toEqual({ verdict: 'approve', comment: 'go', lengthMs: 1_800_000 })
    expect(outcome.stderr.split('\n')).toEqual([
      'req_1  jane on prod-db, asked 5m ago',
      '  for     1h',
      '  reason  ticket\\u{1b}]0;x',
      'req_1 approved by bob\\u{7}',
      '',
    ])
  })

  it('says of a request why people decide on it', async () => {
    const people = 'grt_1 was revoked by olga\u001b'
    const { stderr } = await runVerb([approve], ['approve', 'req_1'], {
      gateway: { 'GET /v1/reviews/req_1': { ...REQUEST, people }, 'POST /v1/reviews/req_1/decision': decided('req_1') },
    })
    expect(stderr).toContain('\n  note    people decide: grt_1 was revoked by olga\\u{1b}\n')
  })

  it('shows a held command in full, and decides on what was shown', async () => {
    const world = {
      gateway: { 'GET /v1/reviews/apr_1': COMMAND, 'POST /v1/reviews/apr_1/decision': decided('apr_1') },
    }
    const outcome = await runVerb([deny], ['deny', 'apr_1', '--json'], world)
    expect(outcome.calls.at(-1)?.body).toEqual({ verdict: 'deny', comment: '', digest: 'd1' })
    expect(JSON.parse(outcome.stdout)).toEqual(decided('apr_1'))
    expect(outcome.stderr.split('\n').slice(1, 7)).toEqual([
      '  would run:',
      '    delete from t',
      '    where a = $1',
      '  with    $1 = 7\\u{202e}, $2 = NULL',
      '  effect  writes t',
      '  rule    engineers',
    ])
  })

  it.each([
    ['without an id where nobody can be asked', ['approve'], 2, 'no id given'],
    ['for a session', ['approve', 'ses_1'], 2, 'ses_1 is a session, not a request for access or a held command'],
    ['for a grant', ['deny', 'grt_1'], 2, 'grt_1 is a grant'],
    ['with a length that is none', ['approve', 'req_1', '--for', 'x'], 2, 'expected a duration'],
    ['deny has no length', ['deny', 'req_1', '--for', '1h'], 2, "unknown option '--for'"],
  ])('decides on nothing %s', async (_, args, code, message) => {
    const outcome = await runVerb([approve, deny], args)
    expect(outcome).toMatchObject({ code, calls: [] })
    expect(outcome.stderr).toContain(message)
  })

  it.each([
    ['approve', approve],
    ['deny', deny],
  ])('%s of a decided review says so, and shows and sends nothing', async (name, verb) => {
    const gateway = { 'GET /v1/reviews/apr_1': { ...COMMAND, state: 'used', status: 'approved by bob' } }
    expect(await runVerb([verb], [name, 'apr_1'], { gateway })).toMatchObject({
      code: 1,
      stderr: 'pamctl: apr_1 is already decided: approved by bob\n',
      calls: [{ call: 'GET /v1/reviews/apr_1' }],
    })
  })

  it.each([
    ['SELF_APPROVAL', 5],
    ['ALREADY_DECIDED', 1],
    ['SIGN_IN_TOO_OLD', 4],
    ['APPROVAL_VOID', 5],
  ] as const)('%s ends with %i', async (error, code) => {
    const gateway = { 'GET /v1/reviews/apr_1': COMMAND, 'POST /v1/reviews/apr_1/decision': new PamError(error, 'no') }
    expect(await runVerb([approve], ['approve', 'apr_1'], { gateway })).toMatchObject({ code, stdout: '' })
  })

  it('sends whoever must approve with a passkey to the dashboard, and decides nothing', async () => {
    const approvers = { groups: ['sre'], count: 1, stepUp: 'passkey' }
    const gateway = { 'GET /v1/reviews/apr_1': { ...COMMAND, state: 'pending', mayDecide: true, approvers } }
    const outcome = await runVerb([approve], ['approve', 'apr_1', '--yes'], { gateway })
    expect(outcome.code).toBe(5)
    expect(outcome.stderr).toMatch(/needs your passkey[\s\S]*approve it in a browser: http\S+\/reviews\/apr_1/)
    expect(outcome.calls.map(({ call }) => call)).toEqual(['GET /v1/reviews/apr_1'])
  })

  it('waits until it is decided there, and prints the decision', async () => {
    const review = { ...COMMAND, state: 'pending', decisions: [], status: 'waiting' }
    const answers = [
      review,
      { ...review, decisions: [{ label: 'alice' }] },
      { ...review, decisions: [{ label: 'alice' }, { label: 'bob' }], state: 'approved', status: 'approved by bob' },
    ]
    const said: string[] = []
    const say = (text: string): void => void said.push(text)
    const io = { interactive: true, showsProgress: false, tell: say, note: say }
    const changed = (id: string, kind = 'review') => ({ type: 'changed', seq: 2, kind, id, change: 'x' })
    const events = [
      { type: 'resync', seq: 1 },
      changed('apr_2'),
      changed('apr_1', 'session'),
      changed('apr_1'),
      changed('apr_1'),
    ]
    const api = {
      gateway: 'https://pam.example.com',
      whoami: async () => ({ person: { label: 'bob' } }),
      reviews: { get: async () => answers.shift() },
      events: async function* () {
        yield* events
      },
    }
    await approveInBrowser({ io, environment: {} } as never, api as never, review as never, { comment: '' })
    expect(answers).toEqual([])
    expect(said).toEqual([
      'Approving this needs your passkey. Open https://pam.example.com/reviews/apr_1',
      'apr_1 approved by bob',
    ])
  })
})
