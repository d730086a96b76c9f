import { describeRules, describeTargets, targetNames } from '../access/requested-targets.ts'
import { HttpFailure, post } from '../shared/http-post.ts'
import { newId } from '../shared/id.ts'
import type { Logger } from '../shared/logger.ts'
import type { Notice, NoticeSource } from './notice.ts'
import { parseWebhookSecret, signWebhook } from './webhook-signature.ts'

/** Where messages go, and what they may say. */
export interface Webhook {
  readonly name: string
  readonly url: string
  /** `whsec_…`, read for each message. */
  readonly secret: () => string
  readonly ca: string | undefined
  /** Beginnings of types: `approval.` stands for all about held commands. */
  readonly events: readonly string[]
  /** What is left out unless it is asked for: it may be about what nobody else should read. */
  readonly include: readonly ('statements' | 'reasons')[]
}

/** One message, and what became of it. */
export interface Delivery {
  readonly id: string
  readonly hook: string
  readonly type: string
  readonly subject: string
  readonly body: string
  readonly state: 'waiting' | 'delivered' | 'failed'
  readonly attempts: number
  readonly answer: string | undefined
  readonly createdAt: number
  readonly nextAt: number
}

export interface DeliveryStore {
  /** Keeps new messages and how far the chain was read, in one change. */
  enqueue(deliveries: readonly Delivery[], cursor: { readonly name: string; readonly seq: number }): Promise<void>
  due(hook: string, now: number): Promise<readonly Delivery[]>
  save(delivery: Delivery): Promise<void>
  prune(before: number): Promise<void>
}

export interface WebhookParts {
  readonly hooks: readonly Webhook[]
  readonly source: NoticeSource
  readonly store: DeliveryStore
  readonly publicUrl: () => string
  readonly logger: Logger
  readonly now: () => number
}

/**
 * Tells webhooks what happens: each message is kept before it is sent, sent until it is taken or too old, and one receiver's
 * trouble is not another's.
 */
export class Webhooks {
  readonly #parts: WebhookParts
  readonly #timer: NodeJS.Timeout
  readonly #sending = new Map<string, Promise<void>>()
  #reading: Promise<void> | undefined
  #again = false
  #stopped = false

  constructor(parts: WebhookParts) {
    this.#parts = parts
    parts.source.onNews(() => this.#kick())
    this.#timer = setInterval(() => this.#kick(), POLL_MS)
    this.#timer.unref()
    this.#kick()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    await this.#reading
    await Promise.all(this.#sending.values())
  }

  #kick(): void {
    if (this.#stopped) return
    if (this.#reading !== undefined) {
      this.#again = true
      return
    }
    this.#reading = this.#read()
      .catch((error: unknown) => this.#parts.logger.error({ cause: error }, 'webhooks.failed'))
      .finally(() => {
        this.#reading = undefined
        for (const hook of this.#parts.hooks) this.#send(hook)
        if (!this.#again) return
        this.#again = false
        this.#kick()
      })
  }

  /** Makes messages of what is new. */
  async #read(): Promise<void> {
    const { source, store, hooks, now } = this.#parts
    const known = await source.cursor(CURSOR)
    if (known === undefined) {
      // What happened before there was anybody to tell is not told.
      await store.enqueue([], { name: CURSOR, seq: await source.head() })
      return
    }
    let seq = known
    for (;;) {
      const notices = await source.after(seq, BATCH_SIZE)
      const last = notices.at(-1)
      if (last === undefined) break
      seq = last.seq
      const deliveries = notices.flatMap((notice) =>
        hooks
          .filter(
            ({ events }) =>
              notice.breakGlass !== undefined || events.some((beginning) => notice.type.startsWith(beginning)),
          )
          .map((hook) => this.#delivery(hook, notice)),
      )
      await store.enqueue(deliveries, { name: CURSOR, seq })
    }
    await store.prune(now() - LOG_RETENTION_MS)
  }

  #delivery(hook: Webhook, notice: Notice): Delivery {
    const { now, publicUrl } = this.#parts
    const body = JSON.stringify({
      type: notice.type,
      timestamp: notice.at,
      data: webhookData(notice, hook.include, publicUrl()),
    })
    return {
      id: newId('dlv'),
      hook: hook.name,
      type: notice.type,
      subject: notice.subject,
      body,
      state: 'waiting',
      attempts: 0,
      answer: undefined,
      createdAt: now(),
      nextAt: now(),
    }
  }

  #send(hook: Webhook): void {
    if (this.#stopped || this.#sending.has(hook.name)) return
    const sending = this.#sendDue(hook)
      .catch((error: unknown) => this.#parts.logger.error({ hook: hook.name, cause: error }, 'webhook.failed'))
      .finally(() => this.#sending.delete(hook.name))
    this.#sending.set(hook.name, sending)
  }

  async #sendDue(hook: Webhook): Promise<void> {
    const { store, now } = this.#parts
    for (const delivery of await store.due(hook.name, now())) {
      if (this.#stopped) return
      await store.save(await this.#attempt(hook, delivery))
    }
  }

  async #attempt(hook: Webhook, delivery: Delivery): Promise<Delivery> {
    const { now, logger } = this.#parts
    const attempts = delivery.attempts + 1
    try {
      const secret = parseWebhookSecret(hook.secret())
      const { id, body } = delivery
      await post(
        { url: hook.url, ca: hook.ca, headers: () => signWebhook(secret, { id, at: now(), body }) },
        'application/json',
        body,
      )
      return { ...delivery, attempts, state: 'delivered', answer: 'taken' }
    } catch (error) {
      const answer = (error as Error).message.slice(0, 200)
      const wait = WAITS[attempts - 1]
      // 410 Gone: the receiver asks not to be called again.
      const isLast = wait === undefined || (error instanceof HttpFailure && error.status === 410)
      const asked = error instanceof HttpFailure ? (error.retryAfter ?? 0) : 0
      if (isLast) logger.warn({ hook: hook.name, delivery: delivery.id, problem: answer }, 'webhook.given_up')
      return {
        ...delivery,
        attempts,
        answer,
        state: isLast ? 'failed' : 'waiting',
        nextAt: isLast ? delivery.nextAt : now() + Math.max(asked, wait * (0.8 + Math.random() * 0.4)),
      }
    }
  }
}

/** What a message says. Statements, reasons and comments stay here unless they are asked for. */
function webhookData(
  notice: Notice,
  include: readonly ('statements' | 'reasons')[],
  publicUrl: string,
): Record<string, unknown> {
  const { review, breakGlass } = notice
  if (breakGlass !== undefined) {
    const { id, person, target, rule, state, endsAt, reviewers, reason } = breakGlass
    return {
      id,
      kind: 'break-glass',
      state,
      requester: person.label,
      target,
      rule,
      reviewers,
      ...(endsAt === undefined ? {} : { endsAt: new Date(endsAt).toISOString() }),
      url: `${publicUrl}/`,
      ...(include.includes('reasons') ? { reason } : {}),
    }
  }
  if (review === undefined) {
    return {
      id: notice.subject,
      ...(notice.target === undefined ? {} : { target: notice.target }),
      ...notice.passkey,
      ...(include.includes('reasons') && notice.reason !== undefined ? { reason: notice.reason } : {}),
    }
  }
  const isCommand = 'sessionId' in review
  const withReasons = include.includes('reasons')
  return {
    id: review.id,
    kind: isCommand ? 'command' : 'request',
    state: review.state,
    requester: review.requester.label,
    target: describeTargets(review),
    ...(isCommand ? {} : { targets: targetNames(review) }),
    rule: describeRules(review),
    approvers: review.approvers,
    decisions: review.decisions.map(({ label, verdict, comment, automatic }) => ({
      by: label,
      verdict,
      ...(automatic === undefined ? {} : { automatic }),
      ...(withReasons && comment !== '' ? { comment } : {}),
    })),
    expiresAt: new Date(review.expiresAt).toISOString(),
    url: `${publicUrl}/reviews/${review.id}`,
    ...(isCommand
      ? {
          session: review.sessionId,
          ...(include.includes('statements') ? { statement: review.text, effect: review.effect } : {}),
        }
      : {
          lengthMs: review.length,
          ...(review.startsAt === undefined ? {} : { startsAt: new Date(review.startsAt).toISOString() }),
          ...(review.extends === undefined ? {} : { extends: review.extends.grant }),
          ...(withReasons ? { reason: review.reason } : {}),
        }),
  }
}

const CURSOR = 'notify webhooks'
const BATCH_SIZE = 200
const POLL_MS = 1000
/** Milliseconds between attempts: about a day in all. */
const WAITS = [5000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000, 10_800_000, 21_600_000, 43_200_000]
/** How long the log of deliveries goes back. */
const LOG_RETENTION_MS = 30 * 86_400_000
