import { describe, expect, it } from 'vitest'
import { answerReader } from '../../src/gateway-client/answer-reader.ts'
import { createApiClient } from '../../src/gateway-client/api-client.ts'
import { readAnswer } from '../../src/gateway-client/read-answer.ts'

const target = {
  name: 'prod',
  type: 'postgres',
  labels: {},
  access: 'standing',
  grant: 'standing',
  longestMs: 1000,
  reasonRequired: false,
  accounts: ['app'],
}

const session = {
  id: 'ses_77aa0000000zz',
  person: { id: 'sub|jane', label: 'jane', kind: 'person' },
  target: 'prod',
  protocol: 'ssh',
  grantId: 'grt_1',
  openedAt: '2026-11-30T15:00:00.000Z',
  commands: 0,
  denied: 0,
  held: 0,
}

/** A gateway that answers everything with this. */
const asking = (text: string) =>
  createApiClient({
    gateway: 'https://gateway.example',
    fetch: () => Promise.resolve(new Response(text)),
    answers: answerReader(),
  })
const targets = (change: object) => asking(JSON.stringify({ items: [target, { ...target, ...change }] })).targets()

describe('an answer of the gateway', () => {
  it('is read in full; fields that are not known are left out', async () => {
    expect(await targets({ name: 'dev', introducedLater: 1, __proto__: null })).toEqual([
      target,
      { ...target, name: 'dev' },
    ])
  })

  it.each([
    ['no name', { name: undefined }, 'at items.1.name: is required'],
    ['a name that is a list', { name: ['prod'] }, 'at items.1.name: expected text, not a list'],
    ['a name that ends a line', { name: 'x\nProxyCommand sh' }, 'at items.1.name: expected the name of a target'],
    ['a name that is a path', { name: '../x' }, 'at items.1.name: expected the name of a target'],
    ['a name that is an option', { name: '-x' }, 'at items.1.name: expected the name of a target'],
    [
      'an account that ends a line',
      { accounts: ['app', 'x\npager=sh'] },
      'at items.1.accounts.1: expected text without',
    ],
    ['a database that ends a line', { database: 'x\u2028y' }, 'at items.1.database: expected text without control'],
    ['a kind of grant that nobody knows', { grant: 'always' }, 'at items.1.grant: '],
    ['a page that is no web page', { appUrl: 'javascript:alert(1)' }, 'at items.1.appUrl: '],
    ['a port that is text', { usualPort: '5432; sh' }, 'at items.1.usualPort: expected a number, not text'],
  ])('with %s is refused, with the route and the field', async (_what, change, problem) => {
    await expect(targets(change)).rejects.toMatchObject({
      code: 'VERSION_MISMATCH',
      message: expect.stringContaining(`the gateway's answer to GET /v1/targets cannot be read ${problem}`) as string,
    })
  })

  it.each(['../../.ssh/rc', 'ses_1/x', 'ses_1 ; sh', '-x', 'ses_1\u001b[2J', ''])(
    'with the id %j is refused: it becomes the name of a file',
    async (id) => {
      const asked = asking(JSON.stringify({ ...session, id })).sessions.get('ses_1')
      await expect(asked).rejects.toMatchObject({ message: expect.stringContaining('at id: expected an id') as string })
    },
  )

  it('with an id of ours is read', async () => {
    expect(await asking(JSON.stringify(session)).sessions.get('ses_1')).toEqual(session)
  })

  it.each([
    ['null', 'the gateway’s answer'],
    ['[]', 'the gateway’s answer'],
    ['<html>', 'the answer to GET /v1/whoami is not JSON'],
    ['', 'the answer to GET /v1/whoami is not JSON'],
  ])('that is %j is refused', async (text, problem) => {
    await expect(asking(text).whoami()).rejects.toMatchObject({
      code: 'VERSION_MISMATCH',
      message: expect.stringContaining(problem.replace('’', "'")) as string,
    })
  })

  it('of one value a line is read line by line', async () => {
    const lines = asking(
      '{"type":"skipped","session":"ses_1","reason":"gone"}\n\n{"type":"command","session":7}\n',
    ).search({})
    expect((await lines.next()).value).toEqual({ type: 'skipped', session: 'ses_1', reason: 'gone' })
    await expect(lines.next()).rejects.toThrow("the gateway's answer to GET /v1/search cannot be read at session")
  })

  it('with a value of later is shown where it is only shown, and refused where it decides', () => {
    const by = { id: 'p', label: 'jane', kind: 'device' }
    const time = '2026-01-01T00:00:00.000Z'
    const grant = { id: 'grt_1', person: by, target: 'db', reason: '', rule: 'r', standing: false, startsAt: time }
    const read = (change: object) =>
      readAnswer('grants', 'GET /v1/grants', { items: [{ ...grant, endsAt: time, ...change }] }).items[0]
    expect(read({ state: 'paused', introducedLater: 1 })).toEqual({ ...grant, endsAt: time, state: 'paused' })
    expect(read({ state: 'over', automatic: { by: 'chat-bot', rules: [] } })?.automatic?.by).toBe('chat-bot')
    for (const state of ['\u001b[2J', 'two words', '', '-x', 7, null, 'x'.repeat(100)])
      expect(() => read({ state })).toThrow("the gateway's answer to GET /v1/grants cannot be read at items.0.state")
    expect(() => readAnswer('verification', 'GET /v1/x', { status: 'fine' })).toThrow('cannot be read at status')
    expect(() => readAnswer('targets', 'GET /v1/targets', { items: [{ ...target, grant: 'paused' }] })).toThrow(
      'cannot be read at items.0.grant',
    )
  })

  it('keeps what the hash of an entry of the audit chain is computed of', () => {
    const entry = { seq: 1, id: 'evt_1', at: '2026-01-01T00:00:00.000Z', type: 't', actor: 'a', subject: 's' }
    const items = [{ ...entry, data: { z: [{ y: null }], a: 1.5 }, previous: 'p', hash: 'h' }]
    expect(readAnswer('audit', 'GET /v1/audit', { items, people: {} })).toEqual({ items, people: {} })
  })
})
