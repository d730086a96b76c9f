import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describeState } from '../access/review.ts'
import { decideReview } from '../api/decide-review.ts'
import type { ApiDeps } from '../api/deps.ts'
import { resolveSecret, type SecretReference } from '../credentials/secret-reference.ts'
import { isFromSlack } from '../notify/slack/interaction.ts'
import { Slack } from '../notify/slack/slack.ts'
import { SocketMode } from '../notify/slack/socket-mode.ts'
import { slackApi } from '../notify/slack/web-api.ts'
import { Webhooks } from '../notify/webhooks.ts'
import { PamError } from '../shared/errors.ts'
import { auditSource } from '../storage/audit-cursors.ts'
import { chatMessages } from '../storage/chat-messages.ts'
import { deliveryStore } from '../storage/deliveries.ts'
import { provenLoginsByEmail } from '../storage/logins.ts'
import { noticeSource } from '../storage/notices.ts'
import type { Config } from './config/config.ts'

/** Everybody else who is told of what happens, and may decide from there. */
export interface Notifications {
  /** A call to the signed endpoint of Slack; throws where it is not Slack's. */
  slackCall(call: SlackCall): void
  stop(): Promise<void>
}

export interface SlackCall {
  readonly timestamp: string
  readonly signature: string
  readonly body: string
}

export function startNotifications(config: Config, deps: ApiDeps): Notifications {
  const { notifications, baseDirectory } = config
  const { db, clock, logger, publicUrl, registry } = deps
  const source = noticeSource(db)
  const secret = (reference: string) => () => resolveSecret(reference as SecretReference, baseDirectory)
  const webhooks =
    notifications.webhooks.length === 0
      ? undefined
      : new Webhooks({
          hooks: notifications.webhooks.map((hook) => ({
            ...hook,
            secret: secret(hook.secret),
            ca: hook.ca === undefined ? undefined : readFileSync(resolve(baseDirectory, hook.ca), 'utf8'),
          })),
          source,
          store: deliveryStore(db),
          publicUrl,
          logger,
          now: () => clock.now(),
        })
  const configured = notifications.slack
  if (configured === undefined) {
    return {
      slackCall: () => {
        throw new PamError('NOT_FOUND', 'no chat is configured')
      },
      stop: async () => webhooks?.stop(),
    }
  }
  const api = slackApi({
    url: configured.apiUrl,
    botToken: secret(configured.botToken),
    appToken: configured.appToken === undefined ? undefined : secret(configured.appToken),
  })
  const slack = new Slack({
    api,
    channel: configured.channel,
    showStatements: configured.showStatements,
    source,
    messages: chatMessages(db),
    saveCursor: auditSource(db).saveCursor,
    held: (approval) => registry.held(approval)?.text,
    loginsByEmail: (email) => provenLoginsByEmail(db.read, email, clock.now()),
    async decide(login, { id, verdict, digest }) {
      const { review } = await decideReview(id, login, { verdict, comment: '', digest }, 'slack', deps)
      return `${review.id}: ${describeState(review)}`
    },
    publicUrl,
    logger,
  })
  const socket =
    configured.appToken === undefined
      ? undefined
      : new SocketMode(
          () => api.openSocket(),
          (payload) => void slack.interaction(payload),
          logger,
        )
  return {
    slackCall({ timestamp, signature, body }) {
      const { signingSecret } = configured
      if (signingSecret === undefined) throw new PamError('NOT_FOUND', 'no endpoint for a chat is configured')
      if (!isFromSlack(secret(signingSecret)(), { timestamp, signature, body }, clock.now()))
        throw new PamError('TOKEN_INVALID', 'the call has no valid signature of the chat service, or is too old')
      // Slack waits three seconds for an answer, and is told by a message what came of it.
      void slack.interaction(payloadOf(body))
    },
    async stop() {
      socket?.stop()
      await slack.stop()
      await webhooks?.stop()
    },
  }
}

function payloadOf(body: string): unknown {
  try {
    return JSON.parse(new URLSearchParams(body).get('payload') ?? 'null')
  } catch {
    return undefined
  }
}
