import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AccessRequest } from '../../src/access/request.ts'
import { askForApproval, type ApprovalWebhook, type WebhookAnswer } from '../../src/notify/approval-webhook.ts'
import { isSignedWebhook, signWebhook } from '../../src/notify/webhook-signature.ts'

const NOW = Date.parse('2026-01-05T09:00:00Z')
const [ASKING, ANSWERING] = [randomBytes(32), randomBytes(32)]
const whsec = (secret: Buffer): string => `whsec_${secret.toString('base64')}`
const request: AccessRequest = {
  id: 'req_1',
  requester: { id: 'sub|jane', label: 'jane@example.com', kind: 'person' },
  targets: [
    { name: 'db', rule: 'on call' },
    { name: 'web', rule: 'on call' },
  ],
  reason: 'INC-4711',
  length: 3_600_000,
  approvers: { groups: ['sre'], count: 1 },
  state: 'pending',
  decisions: [],
  createdAt: NOW,
  expiresAt: NOW + 3_600_000,
}

interface Question {
  readonly type: string
  readonly data: { readonly nonce: string; readonly request: Record<string, unknown>; readonly reason?: string }
}
interface Asked {
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly question: Question
}
type Answer = Record<string, unknown>

describe('a webhook that is asked for approval', () => {
  let server: Server
  let url: string
  let now: number
  let answering: (asked: Asked, response: ServerResponse) => void
  const asked: Asked[] = []
  beforeAll(async () => {
    server = createServer((incoming, response) => {
      let body = ''
      incoming.on('data', (chunk: Buffer) => (body += chunk.toString()))
      incoming.on('end', () => {
        const one = { headers: incoming.headers, body, question: JSON.parse(body) as Question }
        asked.push(one)
        answering(one, response)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/approve`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const hook = (over: Partial<ApprovalWebhook> = {}): ApprovalWebhook => ({
    name: 'oncall',
    url,
    secret: () => whsec(ASKING),
    answerSecret: () => `${whsec(ANSWERING)}\n`,
    ca: () => undefined,
    timeout: 2000,
    include: [],
    ...over,
  })
  const ask = (over: Partial<ApprovalWebhook> = {}): Promise<WebhookAnswer> => {
    now = NOW
    return askForApproval(hook(over), request, { now: () => now, publicUrl: 'https://pam.example' })
  }
  const approving = ({ question: { data } }: Asked): Answer => ({
    decision: 'approve',
    nonce: data.nonce,
    request: data.request,
    comment: 'on call this week',
  })
  const idOf = ({ headers }: Asked): string => String(headers['webhook-id'])
  const signed = (
    one: Asked,
    answer: Answer | string,
    { secret = ANSWERING, id = idOf(one), at = NOW } = {},
  ): { body: string; headers: Record<string, string> } => {
    const body = typeof answer === 'string' ? answer : JSON.stringify(answer)
    return { body, headers: signWebhook(secret, { id, at, body }) }
  }
  /** Answers 200 with this. */
  const answer = (
    make: (one: Asked) => { body: string; headers: Record<string, string | string[]> },
    status = 200,
  ): void => {
    answering = (one, response) => {
      const { body, headers } = make(one)
      response.writeHead(status, headers).end(body)
    }
  }

  it('is asked, signed, about exactly the request, and can approve it', async () => {
    answer((one) => signed(one, approving(one)))
    expect(await ask()).toEqual({ type: 'approve', comment: 'on call this week' })
    const one = asked.at(-1)
    if (one === undefined) throw new Error('nothing was asked')
    const { headers, body, question } = one
    expect(isSignedWebhook(ASKING, { id: idOf(one), now: NOW, body }, headers)).toBe(true)
    expect(question).toMatchObject({
      type: 'request.approval',
      data: {
        request: { id: 'req_1', requester: 'sub|jane', targets: ['db', 'web'], lengthMs: 3_600_000, startsAt: null },
        rules: ['on call'],
        url: 'https://pam.example/reviews/req_1',
      },
    })
    expect(body).not.toContain('INC-4711')
    await ask({ include: ['reasons'] })
    expect(asked.at(-1)?.question.data.reason).toBe('INC-4711')
  })

  it('can leave it to people', async () => {
    answer((one) => signed(one, { ...approving(one), decision: 'people', comment: '' }))
    expect(await ask()).toEqual({ type: 'people', comment: '' })
  })

  it('is given another nonce and another message each time', async () => {
    answer((one) => signed(one, approving(one)))
    await ask()
    await ask()
    const [first, second] = asked.slice(-2)
    expect(first?.question.data.nonce).not.toBe(second?.question.data.nonce)
    expect(first?.headers['webhook-id']).not.toBe(second?.headers['webhook-id'])
  })

  const changed = (change: object) => (one: Asked) =>
    signed(one, { ...approving(one), request: { ...one.question.data.request, ...change } })
  it.each<[string, (one: Asked) => { body: string; headers: Record<string, string | string[]> }, RegExp]>([
    ['without a signature', (one) => ({ body: JSON.stringify(approving(one)), headers: {} }), /not signed/],
    ['signed with the secret of the question', (one) => signed(one, approving(one), { secret: ASKING }), /not signed/],
    [
      'that is the question itself, sent back',
      (one) => ({ body: one.body, headers: one.headers as Record<string, string> }),
      /not signed/,
    ],
    ['signed as an answer to another message', (one) => signed(one, approving(one), { id: 'dlv_other' }), /not signed/],
    ['signed six minutes ago', (one) => signed(one, approving(one), { at: NOW - 360_000 }), /not signed/],
    ['signed for later', (one) => signed(one, approving(one), { at: NOW + 360_000 }), /not signed/],
    [
      'changed after it was signed',
      (one) => ({ ...signed(one, { ...approving(one), decision: 'people' }), body: JSON.stringify(approving(one)) }),
      /not signed/,
    ],
    [
      'with a signature that is there twice',
      (one) => {
        const { body, headers } = signed(one, approving(one))
        return { body, headers: { ...headers, 'webhook-signature': ['v1,x', headers['webhook-signature'] ?? ''] } }
      },
      /not signed/,
    ],
    ['to the question before', (one) => signed(one, approving(asked.at(-2) ?? one)), /not about what was asked/],
    ['about another request', changed({ id: 'req_2' }), /not about what was asked/],
    ['about another person', changed({ requester: 'sub|mallory' }), /not about what was asked/],
    ['about fewer targets', changed({ targets: ['db'] }), /not about what was asked/],
    ['about more targets', changed({ targets: ['db', 'web', 'vault'] }), /not about what was asked/],
    ['about a longer time', changed({ lengthMs: 7_200_000 }), /not about what was asked/],
    ['about a shorter time', changed({ lengthMs: 1_800_000 }), /not about what was asked/],
    ['about another start', changed({ startsAt: '2026-01-05T10:00:00.000Z' }), /not about what was asked/],
    ['that denies', (one) => signed(one, { ...approving(one), decision: 'deny' }), /not about what was asked/],
    [
      'that says more than it may',
      (one) => signed(one, { ...approving(one), lengthMs: 7_200_000 }),
      /not about what was asked/,
    ],
    ['that is no JSON', (one) => signed(one, 'approve'), /cannot be read/],
    ['of a megabyte', (one) => signed(one, { ...approving(one), comment: 'x'.repeat(1_048_576) }), /not signed/],
  ])('approves nothing with an answer %s', async (_what, make, why) => {
    answer(make)
    expect(await ask()).toEqual({ type: 'none', why: expect.stringMatching(why) })
  })

  it.each([301, 307, 403, 500, 503])(
    'approves nothing with the status %d, and is not followed elsewhere',
    async (status) => {
      answer((one) => {
        const { body, headers } = signed(one, approving(one))
        return { body, headers: { ...headers, location: url } }
      }, status)
      const count = asked.length
      expect(await ask()).toEqual({ type: 'none', why: `the receiver answers ${status}` })
      expect(asked.length).toBe(count + 1)
    },
  )

  it('approves nothing where it does not answer in time, also if bytes come all the time', async () => {
    for (const late of [
      () => {},
      (_one: Asked, response: ServerResponse) => {
        const timer = setInterval(() => response.write(' '), 5)
        response.on('close', () => clearInterval(timer))
      },
    ]) {
      answering = late
      expect(await ask({ timeout: 50 })).toEqual({ type: 'none', why: 'the receiver does not answer in time' })
    }
  })

  it('approves nothing where answerSecret was changed while it was asked', async () => {
    answer((one) => signed(one, approving(one)))
    const secrets = [ANSWERING, randomBytes(32)]
    const answerSecret = (): string => whsec(secrets.shift() ?? ANSWERING)
    expect(await ask({ answerSecret })).toEqual({ type: 'none', why: expect.stringMatching(/not signed/) })
  })

  it('approves nothing where the connection is upgraded or ends early, and does not wait for more', async () => {
    for (const head of [
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"decision":"approve"',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"dec',
      '',
    ]) {
      answering = (_one, { socket }) => void socket?.end(head)
      const late = 'the receiver does not answer in time'
      expect(await ask()).toEqual({ type: 'none', why: expect.not.stringContaining(late) })
    }
  })

  it.each([
    ['put forward', 60_000],
    ['set back', -1],
  ])('approves nothing where the clock was %s meanwhile', async (_what, by) => {
    answering = (one, response) => {
      now = NOW + by
      const { body, headers } = signed(one, approving(one))
      response.writeHead(200, headers).end(body)
    }
    expect(await ask()).toEqual({ type: 'none', why: 'it answered too late' })
  })

  it.each<[string, Partial<ApprovalWebhook>, RegExp]>([
    ['nobody is there', { url: 'http://127.0.0.1:1/' }, /ECONNREFUSED/],
    ['what is there speaks no TLS', { url: 'https://127.0.0.1:1/' }, /ECONNREFUSED/],
    ['both secrets are the same', { answerSecret: () => whsec(ASKING) }, /are the same/],
    ['a secret is none', { secret: () => 'hunter2' }, /^expected whsec_ and base64 of 24 to 64 random bytes$/],
    [
      'a secret is not there',
      {
        answerSecret: () => {
          throw new Error('env:X is not set')
        },
      },
      /env:X is not set/,
    ],
  ])('approves nothing where %s', async (_what, over, why) => {
    answer((one) => signed(one, approving(one)))
    expect(await ask(over)).toEqual({ type: 'none', why: expect.stringMatching(why) })
  })
})
