import { createHmac, timingSafeEqual } from 'node:crypto'
import type { ButtonValue } from './message.ts'

/** Somebody pressed one of our buttons. */
export interface SlackAction {
  readonly user: string
  readonly team: string
  readonly channel: string
  readonly value: ButtonValue
}

/**
 * Whether a request comes from Slack (docs.slack.dev/authentication/verifying-requests-from-slack): an HMAC over version, time
 * and body, of the last five minutes.
 */
export function isFromSlack(
  signingSecret: string,
  request: { readonly timestamp: string; readonly signature: string; readonly body: string },
  now: number,
): boolean {
  const { timestamp, signature, body } = request
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp) * 1000) > MAX_AGE_MS) return false
  const expected = Buffer.from(
    `v0=${createHmac('sha256', signingSecret).update(`v0:${timestamp}:${body}`).digest('hex')}`,
  )
  const given = Buffer.from(signature)
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/** What was pressed, in a payload of type `block_actions` (docs.slack.dev/reference/interaction-payloads); undefined where it is nothing of ours. */
export function actionOf(payload: unknown): SlackAction | undefined {
  if (payload === null || typeof payload !== 'object') return undefined
  const { type, user, team, channel, container, actions } = payload as {
    type?: unknown
    user?: { id?: unknown; team_id?: unknown }
    team?: { id?: unknown }
    channel?: { id?: unknown }
    container?: { channel_id?: unknown }
    actions?: readonly { action_id?: unknown; value?: unknown }[]
  }
  const [action] = actions ?? []
  if (type !== 'block_actions' || !/^pam_(approve|deny)$/.test(String(action?.action_id))) return undefined
  const value = valueOf(action?.value)
  const userTeam = user?.team_id ?? team?.id
  const where = channel?.id ?? container?.channel_id
  if (value === undefined || typeof user?.id !== 'string' || typeof userTeam !== 'string') return undefined
  return { user: user.id, team: userTeam, channel: typeof where === 'string' ? where : '', value }
}

function valueOf(text: unknown): ButtonValue | undefined {
  if (typeof text !== 'string' || text.length > 2000) return undefined
  try {
    const { id, verdict, digest } = JSON.parse(text) as Partial<Record<keyof ButtonValue, unknown>>
    if (typeof id !== 'string' || !/^(req|apr)_[0-9a-z]{13}$/.test(id)) return undefined
    if (verdict !== 'approve' && verdict !== 'deny') return undefined
    return { id, verdict, ...(typeof digest === 'string' ? { digest } : {}) }
  } catch {
    return undefined
  }
}

const MAX_AGE_MS = 300_000
