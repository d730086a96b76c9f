import { createHmac, randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificates } from '../helpers/certificates.ts'
import { ownGateways, type OwnGateways } from '../helpers/own-gateway.ts'
import type { AccessRequest } from '../../src/api/schemas/access.ts'
import { eventually, openPort, signIn, type SignedIn } from '../helpers/gateway-client.ts'
import { psql, PSQL, type Outcome } from '../helpers/run.ts'
import {
  APP_TOKEN,
  BOT_TOKEN,
  SIGNING_SECRET,
  signedCall,
  slackUser,
  startSlackServer,
  type PostedMessage,
  type SlackServer,
} from '../helpers/slack-server.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { signWebhook } from '../../src/notify/webhook-signature.ts'

interface Received {
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
  readonly at: number
}

const [SECRET, ANSWER_SECRET] = [randomBytes(32), randomBytes(32)]

describe.skipIf(!PSQL)('what the gateway tells others', () => {
  let own: OwnGateways
  let slack: SlackServer
  let receiver: Server
  let oncall: Server
  /** What the webhook that approves says: a decision, or a status without one. */
  let decision: 'approve' | 'people' | 500
  let directory: string
  let gateway: RunningGateway
  let jane: SignedIn
  let bob: SignedIn
  let alice: SignedIn
  const received: Received[] = []
  /** Statuses to answer before 204. */
  const refusals: number[] = []

  beforeAll(async () => {
    own = await ownGateways()
    slack = await startSlackServer()
    receiver = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        const refusal = refusals.shift()
        if (refusal === undefined) received.push({ headers: request.headers, body, at: Date.now() })
        response.writeHead(refusal ?? 204, refusal === 301 ? { location: 'http://127.0.0.1:1/' } : {}).end()
      })
    })
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
    const tls = mkdtempSync(join(tmpdir(), 'pamctl-test-tls-'))
    const certificates = makeCertificates(tls)
    const ca = readFileSync(certificates.ca)
    const key = { cert: readFileSync(certificates.certificate), key: readFileSync(certificates.key) }
    rmSync(tls, { recursive: true })
    oncall = createTlsServer(key, (request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        if (decision === 500) return response.writeHead(500).end()
        const { data } = JSON.parse(body) as { data: { nonce: string; request: object } }
        const answer = JSON.stringify({ decision, nonce: data.nonce, request: data.request, comment: 'on call' })
        const [id, at] = [String(request.headers['webhook-id']), Date.now()]
        return response.writeHead(200, signWebhook(ANSWER_SECRET, { id, at, body: answer })).end(answer)
      })
    })
    await new Promise<void>((resolve) => oncall.listen(0, '127.0.0.1', resolve))
    const approvalUrl = `https://127.0.0.1:${(oncall.address() as AddressInfo).port}/`
    directory = await own.configured((config, at) => {
      writeFileSync(join(at, 'ca.crt'), ca)
      writeFileSync(join(at, 'whsec'), `whsec_${SECRET.toString('base64')}\n`)
      writeFileSync(join(at, 'answers'), `whsec_${ANSWER_SECRET.toString('base64')}\n`)
      writeFileSync(join(at, 'bot'), BOT_TOKEN)
      writeFileSync(join(at, 'app'), APP_TOKEN)
      writeFileSync(join(at, 'signing'), SIGNING_SECRET)
      const asking = 'approvers: { groups: [sre] }\n    autoApprove: { webhook: oncall }'
      return `${config.replace('{ env: dev } }\n    grant: standing', `{ env: dev } }\n    grant: request\n    ${asking}`)}
requests:
  approvalWebhooks: [{ name: oncall, url: "${approvalUrl}", secret: "file:whsec", answerSecret: "file:answers", ca: ca.crt }]
notifications:
  webhooks:
    - { name: quiet, url: "${url}/quiet", secret: "file:whsec" }
    - { name: open, url: "${url}/open", secret: "file:whsec", events: [approval., session.killed], include: [statements, reasons] }
  slack: { channel: C0REVIEWS, botToken: "file:bot", appToken: "file:app", signingSecret: "file:signing", showStatements: true, apiUrl: "${slack.url}" }
`
    })
    gateway = await own.start(directory)
    jane = await signIn(gateway.url, 'jane')
    bob = await signIn(gateway.url, 'bob')
    alice = await signIn(gateway.url, 'alice')
    slack.users.set('UBOB', slackUser('UBOB', 'Bob@Example.com'))
    slack.users.set('UJANE', slackUser('UJANE', 'jane@example.com'))
    slack.users.set('UALICE', slackUser('UALICE', 'alice@example.com'))
    await eventually(() => (slack.sockets() > 0 ? true : undefined), 'the gateway opens its socket')
    const request = await jane.api.requests.create({ target: 'prod-db', reason: 'for the tests', lengthMs: 3_000_000 })
    await bob.api.reviews.decide(request.id, { verdict: 'approve', comment: '' })
  })
  afterAll(async () => {
    await own?.stop()
    await slack?.stop()
    await new Promise((resolve) => receiver?.close(resolve))
    await new Promise((resolve) => oncall?.close(resolve))
  })

  const messageAbout = (id: string): Promise<PostedMessage> =>
    eventually(() => slack.messages.find(({ blocks }) => JSON.stringify(blocks).includes(id)), `a message about ${id}`)
  const answered = (user: string, pattern: RegExp): Promise<string> =>
    eventually(
      () => slack.ephemeral.find((answer) => answer.user === user && pattern.test(answer.text))?.text,
      `${user} is told ${String(pattern)}`,
    )
  const actionsOf = ({ blocks }: PostedMessage): string[] =>
    blocks.flatMap(({ elements }) => elements ?? []).flatMap(({ action_id }) => action_id ?? [])
  async function held(script: string): Promise<{ id: string; result: Promise<Outcome> }> {
    const port = await openPort(jane, 'prod-db')
    const known = new Set((await bob.api.reviews.list()).map(({ id }) => id))
    const result = psql(port, 'app', script).finally(() => port.close())
    const id = await eventually(
      async () =>
        (await bob.api.reviews.list()).find((review) => review.kind === 'command' && !known.has(review.id))?.id,
      'held',
    )
    return { id, result }
  }
  const messagesOf = (path: string) =>
    received
      .map(({ headers, body }) => ({
        headers,
        message: JSON.parse(body) as { type: string; data: Record<string, unknown> },
      }))
      .filter(({ message }) => JSON.stringify(message).includes(path))

  describe('webhooks', () => {
    it('are signed as Standard Webhooks says, and say neither statements nor reasons unless asked', async () => {
      const { id, result } = await held('truncate audit_tmp -- a secret plan')
      await bob.api.reviews.decide(id, { verdict: 'deny', comment: 'a private word' })
      await result
      const about = await eventually(() => {
        const found = messagesOf(id)
        return found.filter(({ message }) => message.type === 'approval.denied').length === 2 ? found : undefined
      }, 'both webhooks hear of the denial')
      for (const { headers, at } of received) {
        const [message, timestamp, signature] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
          String(headers[name]),
        )
        const one = received.find((candidate) => candidate.headers['webhook-id'] === message)
        const expected = createHmac('sha256', SECRET).update(`${message}.${timestamp}.${one?.body}`).digest('base64')
        expect(signature).toBe(`v1,${expected}`)
        expect(message).toMatch(/^dlv_/)
        expect(Math.abs(at / 1000 - Number(timestamp))).toBeLessThan(60)
      }
      const quiet = about.filter(({ message }) => !JSON.stringify(message).includes('secret plan'))
      const open = about.filter(({ message }) => JSON.stringify(message).includes('secret plan'))
      expect(quiet.map(({ message }) => message.type).toSorted()).toEqual(['approval.denied', 'approval.filed'])
      expect(open.map(({ message }) => message.type).toSorted()).toEqual(['approval.denied', 'approval.filed'])
      expect(JSON.stringify(quiet)).not.toMatch(/private word|truncate|TRUNCATE/)
      expect(JSON.stringify(open)).toMatch(/private word/)
      expect(quiet[0]?.message.data).toMatchObject({
        id,
        kind: 'command',
        requester: 'jane@example.com',
        target: 'prod-db',
        url: `${gateway.url}/reviews/${id}`,
      })
      // What happened before is not told, nor what was not asked for.
      expect(received.some(({ body }) => /login\.|session\.opened/.test(body))).toBe(false)
    })

    it('that fail are sent again, also after a restart, and are in the log; redirects are not followed', async () => {
      refusals.push(301)
      const request = await jane.api.requests.create({ target: 'prod-db', reason: 'retry' })
      const waiting = await eventually(async () => {
        const { items } = await alice.api.deliveries({})
        return items.find(({ subject, attempts }) => subject === request.id && attempts > 0)
      }, 'a delivery that waits')
      expect(waiting).toMatchObject({ hook: 'quiet', state: 'waiting', answer: 'the receiver answers 301' })
      expect(Date.parse(waiting.nextAt ?? '')).toBeGreaterThan(Date.parse(waiting.createdAt))
      await gateway.stop('SIGTERM')
      gateway = await own.start(directory)
      const done = await eventually(async () => {
        const { items } = await alice.api.deliveries({})
        return items.find(({ id, state }) => id === waiting.id && state !== 'waiting')
      }, 'it is delivered at last')
      expect(done).toMatchObject({ state: 'delivered', attempts: 2 })
      await jane.api.requests.withdraw(request.id)
      await expect(jane.api.deliveries({})).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
      await eventually(() => (slack.sockets() > 0 ? true : undefined), 'the socket of the chat is open again')
    })

    it('whose receiver is gone for good are abandoned', async () => {
      refusals.push(410)
      const request = await jane.api.requests.create({ target: 'prod-db', reason: 'gone' })
      await eventually(async () => {
        const { items } = await alice.api.deliveries({})
        return items.find(({ subject, state }) => subject === request.id && state === 'failed')
      }, 'given up')
      await jane.api.requests.withdraw(request.id)
    })
  })

  describe('a webhook that approves', () => {
    const ask = async (): Promise<AccessRequest> => {
      const { id } = await jane.api.requests.create({ target: 'dev-db', reason: 'INC-4711', lengthMs: 600_000 })
      return eventually(async () => {
        const request = await jane.api.requests.get(id)
        return request.asking === undefined ? request : undefined
      }, 'the webhook was asked')
    }

    it('gives access in place of people, who are told, and whose grant and record say so', async () => {
      decision = 'approve'
      const { id, ...request } = await ask()
      const label = 'the webhook "oncall" of rule "development is open to engineers"'
      const automatic = { by: 'webhook', rules: ['development is open to engineers'], webhook: 'oncall' }
      expect(request).toMatchObject({
        state: 'approved',
        status: `approved by ${label}: on call`,
        decisions: [{ label, automatic, comment: 'on call' }],
      })
      const { items } = await jane.api.grants.list({ active: true, limit: 10 })
      expect(items.find(({ target }) => target === 'dev-db')).toMatchObject({ automatic, state: 'active' })
      const port = await openPort(jane, 'dev-db')
      expect((await psql(port, 'app_dev', 'select 1')).code).toBe(0)
      port.close()
      const session = await eventually(
        async () =>
          (await jane.api.sessions.list({ limit: 5 })).items.find(({ target, ended }) => target === 'dev-db' && ended),
        'the session has ended',
      )
      expect(session.approvedBy).toEqual([label])
      await eventually(
        () =>
          messagesOf(id).find(
            ({ message: { type, data } }) =>
              type === 'request.approved' && JSON.stringify(data).includes('"by":"webhook"'),
          ),
        'webhooks are told',
      )
      await eventually(
        () =>
          slack.messages.find(
            ({ blocks }) =>
              JSON.stringify(blocks).includes(`approved by the webhook`) && JSON.stringify(blocks).includes(id),
          ),
        'Slack is told',
      )
      const grant = items.find(({ target }) => target === 'dev-db')
      await jane.api.grants.revoke(grant?.id ?? '', 'done')
    })

    it('that fails or leaves it to people has people decide, and the audit chain says why', async () => {
      for (const [answer, why] of [
        [500, 'the receiver answers 500'],
        ['people', 'it leaves the decision to people: on call'],
      ] as const) {
        decision = answer
        const { id, state } = await ask()
        expect(state).toBe('pending')
        const { items } = await alice.api.auditPage({ subject: id, limit: 5 })
        expect(items.find(({ type }) => type === 'request.referred')).toMatchObject({
          data: { webhook: 'oncall', why },
        })
        await jane.api.requests.withdraw(id)
      }
    })
  })

  describe('Slack', () => {
    it('shows a held command whole, and an approver lets it run from there', async () => {
      const { id, result } = await held('truncate audit_tmp')
      const message = await messageAbout(id)
      expect(message.channel).toBe('C0REVIEWS')
      expect(JSON.stringify(message.blocks)).toContain('{"type":"text","text":"truncate audit_tmp"}')
      expect(actionsOf(message)).toEqual(['pam_approve', 'pam_deny', 'pam_open'])
      await slack.press('UBOB', message, 'pam_approve')
      expect((await result).code).toBe(0)
      await answered('UBOB', new RegExp(`${id}: approved by bob@example.com`))
      await eventually(() => (actionsOf(message).length === 0 ? true : undefined), 'the buttons are gone')
      expect(JSON.stringify(message.blocks)).toMatch(/approved by bob@example.com/)
      expect(slack.acknowledged.length).toBeGreaterThan(0)
    })

    it('a button that is pressed twice, or on another command, decides once', async () => {
      const first = await held('truncate audit_tmp')
      const second = await held('truncate audit_tmp -- another')
      const [one, two] = [await messageAbout(first.id), await messageAbout(second.id)]
      // The digest of one in a button of the other: what would run is not what was shown.
      await slack.press('UBOB', two, 'pam_approve', (payload) => {
        const [action] = payload['actions'] as { value: string }[]
        const other = JSON.parse(
          (slack.payload('UBOB', one, 'pam_approve')['actions'] as { value: string }[])[0]?.value ?? '',
        ) as { digest: string }
        if (action !== undefined)
          action.value = JSON.stringify({ ...(JSON.parse(action.value) as object), digest: other.digest })
      })
      await answered('UBOB', /the command changed after you viewed it/)
      const pressed = slack.payload('UBOB', one, 'pam_deny')
      await slack.press('UBOB', one, 'pam_deny')
      expect((await first.result).stderr).toMatch(/denied by bob/)
      await slack.press(
        'UBOB',
        {
          ...one,
          blocks: [
            {
              type: 'actions',
              elements: [{ action_id: 'pam_deny', value: (pressed['actions'] as { value: string }[])[0]?.value ?? '' }],
            },
          ],
        },
        'pam_deny',
      )
      await answered('UBOB', /already decided: denied by bob/)
      await bob.api.reviews.decide(second.id, { verdict: 'deny', comment: '' })
      await second.result
    })

    it('nobody decides without the right to: not the requester, not others, not outsiders, not who is not signed in', async () => {
      const { id, result } = await held('truncate audit_tmp -- who')
      const message = await messageAbout(id)
      await slack.press('UJANE', message, 'pam_approve')
      await answered('UJANE', /you cannot decide on your own request/)
      await slack.press('UALICE', message, 'pam_approve')
      await answered('UALICE', /only members of sre may decide/)
      const outsiders: [string, Record<string, unknown>][] = [
        ['UGUEST', slackUser('UGUEST', 'bob@example.com', { is_restricted: true })],
        ['UBOT', slackUser('UBOT', 'bob@example.com', { is_bot: true })],
        ['UGONE', slackUser('UGONE', 'bob@example.com', { deleted: true })],
        ['UOTHER', slackUser('UOTHER', 'bob@example.com', { team_id: 'T0OTHER' })],
        ['USTRANGER', slackUser('USTRANGER', 'bob@example.com', { is_stranger: true })],
        ['USWAP', slackUser('UBOB', 'bob@example.com')],
      ]
      for (const [user, info] of outsiders) {
        slack.users.set(user, info)
        await slack.press(user, message, 'pam_approve')
        await answered(user, /only members of this workspace/)
      }
      slack.users.set('UUNCONFIRMED', slackUser('UUNCONFIRMED', 'bob@example.com', { is_email_confirmed: false }))
      await slack.press('UUNCONFIRMED', message, 'pam_approve')
      await answered('UUNCONFIRMED', /not confirmed in Slack/)
      slack.users.set('UNOBODY', slackUser('UNOBODY', 'nobody@example.com'))
      await slack.press('UNOBODY', message, 'pam_approve')
      await answered('UNOBODY', /nobody with the address nobody@example.com is signed in/)
      await slack.press('UFOREIGN', message, 'pam_approve', (payload) => {
        payload['user'] = { id: 'UBOB', team_id: 'T0OTHER' }
      })
      await answered('UBOB', /only members of this workspace/)
      for (const change of [
        (payload: Record<string, unknown>) => (payload['actions'] = []),
        (payload: Record<string, unknown>) =>
          (payload['actions'] = [{ action_id: 'pam_approve', value: '{"id":"apr_%"}' }]),
        (payload: Record<string, unknown>) => (payload['actions'] = [{ action_id: 'pam_approve', value: 'not json' }]),
        (payload: Record<string, unknown>) => (payload['type'] = 'view_submission'),
        (payload: Record<string, unknown>) => delete payload['user'],
      ])
        await slack.press('UBOB', message, 'pam_approve', change)
      expect((await bob.api.reviews.get(id)).state).toBe('pending')
      await bob.api.reviews.decide(id, { verdict: 'deny', comment: 'enough' })
      expect((await result).stderr).toMatch(/denied by bob@example.com: enough/)
      await eventually(
        () => (/denied by bob/.test(JSON.stringify(message.blocks)) ? true : undefined),
        'it is said there, too',
      )
    })

    it('what cannot be shown as it is cannot be approved there: long, deceiving, with a secret', async () => {
      for (const script of [
        `truncate audit_tmp -- ${'x'.repeat(3000)}`,
        'truncate audit_tmp -- \u0430',
        'truncate audit_tmp -- \u200b',
        "create role hidden password 'hunter2hunter2'",
      ]) {
        const { id, result } = await held(script)
        const message = await messageAbout(id)
        expect([script.slice(0, 40), actionsOf(message)]).toEqual([script.slice(0, 40), ['pam_deny', 'pam_open']])
        expect(JSON.stringify(message.blocks)).not.toMatch(/hunter2/)
        await slack.press('UBOB', message, 'pam_deny')
        expect((await result).stderr).toMatch(/denied by bob/)
      }
    })

    it('its signed endpoint takes what is signed and new, and nothing else', async () => {
      const { id, result } = await held('truncate audit_tmp -- endpoint')
      const message = await messageAbout(id)
      const body = new URLSearchParams({
        payload: JSON.stringify(slack.payload('UBOB', message, 'pam_deny')),
      }).toString()
      const call = (headers: Record<string, string>, sent = body): Promise<Response> =>
        fetch(`${gateway.url}/hooks/slack`, { method: 'POST', headers, body: sent })
      const wrong: [string, Record<string, string>, string?][] = [
        ['no signature', { 'content-type': 'application/x-www-form-urlencoded' }],
        ['another secret', signedCall(body, 'guessed')],
        ['another body', signedCall(`${body}&x=1`)],
        ['too old', signedCall(body, SIGNING_SECRET, Date.now() - 400_000)],
        ['from the future', signedCall(body, SIGNING_SECRET, Date.now() + 400_000)],
        ['a time that is none', { ...signedCall(body), 'x-slack-request-timestamp': '1e9' }],
      ]
      for (const [what, headers] of wrong) expect([what, (await call(headers)).status]).toEqual([what, 401])
      expect((await bob.api.reviews.get(id)).state).toBe('pending')
      expect((await call(signedCall('payload=nonsense'), 'payload=nonsense')).status).toBe(200)
      expect((await call(signedCall(body))).status).toBe(200)
      expect((await result).stderr).toMatch(/denied by bob/)
    })

    it('reconnects by itself, waits as long as it is told to, and skips nothing', async () => {
      slack.dropSockets()
      slack.failures.push({ status: 429, retryAfter: 1 }, { error: 'internal_error' })
      const request = await jane.api.requests.create({ target: 'prod-db', reason: 'after a break' })
      const message = await eventually(
        () => slack.messages.find(({ blocks }) => JSON.stringify(blocks).includes(request.id)),
        'it is posted in the end',
      )
      expect(actionsOf(message)).toEqual(['pam_approve', 'pam_deny', 'pam_open'])
      await eventually(() => (slack.sockets() > 0 ? true : undefined), 'the socket is open again')
      await slack.press('UBOB', message, 'pam_approve')
      await answered('UBOB', new RegExp(`${request.id}: approved`))
      expect(slack.messages.filter(({ blocks }) => JSON.stringify(blocks).includes(request.id))).toHaveLength(1)
    })

    it('requires a recent sign-in: an old one, or one that was signed out, decides nothing', async () => {
      const { id, result } = await held('truncate audit_tmp -- old')
      const message = await messageAbout(id)
      await bob.api.logoutEverywhere()
      await slack.press('UBOB', message, 'pam_approve')
      await answered('UBOB', /nobody with the address Bob@Example.com is signed in/)
      bob = await signIn(gateway.url, 'bob')
      await bob.api.reviews.decide(id, { verdict: 'deny', comment: '' })
      await result
    })
  })
})
