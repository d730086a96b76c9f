import { describe, expect, it } from 'vitest'
import type { Approval } from '../../src/access/approval.ts'
import { actionOf, isFromSlack } from '../../src/notify/slack/interaction.ts'
import { canBeShown, reviewMessage } from '../../src/notify/slack/message.ts'
import { parseWebhookSecret, signWebhook } from '../../src/notify/webhook-signature.ts'

describe('signatures', () => {
  it('of webhooks are those of the specification’s own example', () => {
    const secret = parseWebhookSecret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
    const headers = signWebhook(secret, {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      at: 1_614_265_330_000,
      body: '{"test": 2432232314}',
    })
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    })
  })

  it.each(['MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_', 'whsec_c2hvcnQ=', 'password'])(
    'are not made with %j',
    (text) => {
      expect(() => parseWebhookSecret(text)).toThrow('whsec_')
    },
  )

  it('of Slack are those of its documented example', () => {
    const body =
      'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'
    const call = {
      timestamp: '1531420618',
      signature: 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
      body,
    }
    const secret = '8f742231b10e8888abcd99yyyzzz85a5'
    const now = 1_531_420_618_000
    expect(isFromSlack(secret, call, now)).toBe(true)
    expect(isFromSlack(secret, call, now + 301_000)).toBe(false)
    expect(isFromSlack(secret, { ...call, body: `${body}&a=b` }, now)).toBe(false)
    expect(isFromSlack(secret, { ...call, signature: '' }, now)).toBe(false)
    expect(isFromSlack(`${secret}x`, call, now)).toBe(false)
  })
})

const approval: Approval = {
  id: 'apr_0000000000000',
  requester: { id: 'jane', label: 'jane@example.com <!channel>', kind: 'person' },
  approvers: { groups: ['sre'], count: 1 },
  state: 'pending',
  decisions: [],
  expiresAt: 2e12,
  sessionId: 'ses_0000000000000',
  target: 'prod-db',
  rule: 'a rule & <more>',
  text: 'truncate audit_tmp -- <!here> *bold*',
  parameters: [],
  effect: 'TRUNCATE, writes public.audit_tmp',
  digest: 'd'.repeat(64),
  createdAt: 1e12,
}

describe('a message in Slack', () => {
  const shown = (change: Partial<Approval> = {}, showStatements = true) =>
    reviewMessage(
      { ...approval, ...change },
      { showStatements, exact: change.text ?? approval.text, url: 'https://pam/x' },
    )

  it('shows a command as it is, and lets nothing in it be markup', () => {
    const { blocks, text } = shown()
    const json = JSON.stringify(blocks)
    expect(json).toContain(JSON.stringify({ type: 'text', text: approval.text }))
    // Plain text and what is preformatted are never markup.
    const marked = (blocks as { text?: { type: string } }[]).filter(({ text: part }) => part?.type === 'mrkdwn')
    expect(marked).toHaveLength(1)
    expect(JSON.stringify(marked)).not.toMatch(/<!|<more/)
    expect(json).toContain('"plain_text","text":"Held by: a rule & <more>"')
    expect(text).toBe('jane@example.com &lt;!channel&gt; wants to run this on prod-db')
    expect(json).toContain('pam_approve')
  })

  it('cuts nothing that is approved, and is never refused by Slack for what others wrote', () => {
    const effect = `DELETE, writes ${'x'.repeat(3000)}, and everything else`
    const long = shown({ effect, requester: { ...approval.requester, label: '&'.repeat(3000) } })
    expect(JSON.stringify(long.blocks)).not.toContain('pam_approve')
    expect(JSON.stringify(shown({ effect: effect.slice(0, 1500) }).blocks)).toContain(effect.slice(0, 1500))
    for (const { text } of long.blocks as { text?: { text: string } }[])
      expect(text?.text.length ?? 0).toBeLessThanOrEqual(3000)
  })

  it('has a line of its own for nothing that others wrote', () => {
    const json = JSON.stringify(shown({ effect: 'SELECT\nHeld by: nobody' }).blocks)
    expect(json).toContain(String.raw`SELECT\\u{a}Held by: nobody`)
  })

  it('shows no command and offers no approval unless it is configured', () => {
    const json = JSON.stringify(shown({}, false).blocks)
    expect(json).not.toMatch(/truncate|TRUNCATE|pam_approve/)
    expect(json).toContain('pam_deny')
  })

  it.each([
    ['a secret was taken out', { text: 'create role x password <secret:1>' }, 'create role x password hunter2'],
    ['it is long', { text: 'x'.repeat(2501) }, undefined],
    ['it has many lines', { text: '\n'.repeat(41) }, undefined],
    ['it has parameters', { parameters: ['1'] }, undefined],
    ['something in it is not seen', { text: 'drop\u200b' }, undefined],
    ['its session is gone', {}, null],
  ])('offers no approval where %s', (_why, change, exact) => {
    const review = { ...approval, ...change }
    expect(canBeShown(review, exact === null ? undefined : (exact ?? review.text))).toBe(false)
  })

  it('has no buttons once it is decided', () => {
    const json = JSON.stringify(
      shown({ state: 'denied', decisions: [{ by: 'b', label: 'bob', verdict: 'deny', comment: 'no', at: 1 }] }).blocks,
    )
    expect(json).not.toContain('pam_deny')
    expect(json).toContain('denied by bob: no')
  })

  it('is answered only by its own buttons', () => {
    const value = JSON.stringify({ id: approval.id, verdict: 'approve', digest: 'd' })
    const payload = {
      type: 'block_actions',
      user: { id: 'U1', team_id: 'T1' },
      channel: { id: 'C1' },
      actions: [{ action_id: 'pam_approve', value }],
    }
    expect(actionOf(payload)).toEqual({
      user: 'U1',
      team: 'T1',
      channel: 'C1',
      value: { id: approval.id, verdict: 'approve', digest: 'd' },
    })
    for (const wrong of [
      null,
      'text',
      {},
      { ...payload, type: 'shortcut' },
      { ...payload, actions: [{ action_id: 'other', value }] },
      { ...payload, actions: [{ action_id: 'pam_approve', value: '{}' }] },
      {
        ...payload,
        actions: [{ action_id: 'pam_approve', value: JSON.stringify({ id: 'apr_%', verdict: 'approve' }) }],
      },
      { ...payload, user: {} },
    ])
      expect(actionOf(wrong)).toBeUndefined()
  })
})
