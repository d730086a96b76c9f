import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { AccessRequest } from '../access/request.ts'
import { targetNames } from '../access/requested-targets.ts'
import { canonicalJson } from '../shared/canonical-json.ts'
import { postForAnswer } from '../shared/http-post.ts'
import { newId } from '../shared/id.ts'
import { isSignedWebhook, parseWebhookSecret, signWebhook } from './webhook-signature.ts'

/** Who is asked for approval in place of people. */
export interface ApprovalWebhook {
  readonly name: string
  readonly url: string
  /** `whsec_…`: what is asked is signed with it. */
  readonly secret: () => string
  /** `whsec_…`, another one: answers are signed with it. */
  readonly answerSecret: () => string
  /** PEM of a private authority. */
  readonly ca: () => string | undefined
  /** Milliseconds. */
  readonly timeout: number
  /** What is left out unless it is asked for: it may be about what nobody else should read. */
  readonly include: readonly 'reasons'[]
}

/** What came of asking; `none`: no answer that counts, and `why`. */
export type WebhookAnswer =
  { readonly type: 'approve' | 'people'; readonly comment: string } | { readonly type: 'none'; readonly why: string }

/**
 * Asks for approval of exactly one request. An answer counts if it is 2xx in time, signed with `answerSecret` as an answer to this very message, and
 * repeats the nonce and all that was asked about; anything else is no answer, and never an error. It is asked once.
 */
export async function askForApproval(
  hook: ApprovalWebhook,
  request: AccessRequest,
  { now, publicUrl }: { readonly now: () => number; readonly publicUrl: string },
): Promise<WebhookAnswer> {
  const none = (why: string): WebhookAnswer => ({ type: 'none', why: why.slice(0, 200) })
  try {
    const [secret, answerSecret] = [hook.secret, hook.answerSecret].map((read) => parseWebhookSecret(read().trim()))
    if (secret === undefined || answerSecret === undefined || secret.equals(answerSecret))
      return none('secret and answerSecret are the same')
    const askedAt = now()
    const message = questionOf(hook, request, { askedAt, publicUrl })
    const { headers, body } = await postForAnswer(
      {
        url: hook.url,
        ca: hook.ca(),
        headers: () => signWebhook(secret, { id: message.id, at: askedAt, body: message.body }),
      },
      'application/json',
      message.body,
      { maxMs: hook.timeout, maxLength: MAX_ANSWER_LENGTH },
    )
    const at = now()
    // A computer that slept, or whose clock was set: its timers know nothing of it.
    if (at < askedAt || at > askedAt + hook.timeout + CLOCK_TOLERANCE_MS) return none('it answered too late')
    // As it is now: where it has just been changed, whoever has the one of before can answer no longer.
    if (!isSignedWebhook(parseWebhookSecret(hook.answerSecret().trim()), { id: message.id, now: at, body }, headers))
      return none('its answer is not signed with answerSecret, or not as an answer to this message')
    return readAnswer(body, message) ?? none('its answer is not about what was asked, or cannot be read')
  } catch (error) {
    return none(error instanceof Error ? error.message : 'it could not be asked')
  }
}

/** What an answer is about, and has to repeat. */
const askedSchema = z.strictObject({
  id: z.string(),
  requester: z.string(),
  targets: z.array(z.string()),
  lengthMs: z.number(),
  startsAt: z.string().nullable(),
})

const answerSchema = z.strictObject({
  decision: z.enum(['approve', 'people']),
  nonce: z.string(),
  request: askedSchema,
  comment: z.string().max(500).default(''),
})

interface Question {
  readonly id: string
  readonly nonce: string
  readonly request: z.output<typeof askedSchema>
  readonly body: string
}

function questionOf(
  { include }: ApprovalWebhook,
  { id, requester, length, startsAt, reason, ...rest }: AccessRequest,
  { askedAt, publicUrl }: { readonly askedAt: number; readonly publicUrl: string },
): Question {
  const nonce = randomBytes(32).toString('base64url')
  const request = {
    id,
    requester: requester.id,
    targets: [...targetNames(rest)],
    lengthMs: length,
    startsAt: startsAt === undefined ? null : new Date(startsAt).toISOString(),
  }
  const body = JSON.stringify({
    type: 'request.approval',
    timestamp: new Date(askedAt).toISOString(),
    data: {
      nonce,
      request,
      requester: { label: requester.label, kind: requester.kind },
      rules: [...new Set(rest.targets.map(({ rule }) => rule))],
      url: `${publicUrl}/reviews/${id}`,
      ...(include.includes('reasons') ? { reason } : {}),
    },
  })
  return { id: newId('dlv'), nonce, request, body }
}

function readAnswer(body: string, { nonce, request }: Question): WebhookAnswer | undefined {
  const { data } = answerSchema.safeParse(parsed(body))
  if (data === undefined || data.nonce !== nonce || canonicalJson(data.request) !== canonicalJson(request))
    return undefined
  return { type: data.decision, comment: data.comment }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Of its body, in UTF-16 units: what is longer is cut, and so is no longer signed. */
const MAX_ANSWER_LENGTH = 16_384
const CLOCK_TOLERANCE_MS = 1000
