import type { BreakGlass } from '../../access/break-glass.ts'
import { breakGlassSentence } from '../../access/describe-break-glass.ts'
import type { Approval } from '../../access/approval.ts'
import type { Login } from '../../identity/login.ts'
import { asPamError, PamError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Notice, NoticeSource } from '../notice.ts'
import { actionOf, type SlackAction } from './interaction.ts'
import { plainMessage, reviewMessage, type ButtonValue } from './message.ts'
import { isFinal, slackWait, type SlackApi } from './web-api.ts'

export interface SlackParts {
  readonly api: SlackApi
  /** The channel that reviews are posted to. */
  readonly channel: string
  readonly showStatements: boolean
  readonly source: NoticeSource
  readonly messages: {
    find(reviewId: string): Promise<{ channel: string; ts: string } | undefined>
    save(reviewId: string, message: { channel: string; ts: string }): Promise<void>
  }
  readonly saveCursor: (name: string, seq: number) => Promise<void>
  /** Exactly what a held command would run. */
  readonly held: (approval: Approval) => string | undefined
  /** Logins of people who are signed in and proven now, by an address that their issuer has verified. */
  readonly loginsByEmail: (email: string) => Promise<readonly Login[]>
  /** Decides with all the rules that hold everywhere; throws what the person should know. */
  readonly decide: (login: Login, value: ButtonValue) => Promise<string>
  readonly publicUrl: () => string
  readonly logger: Logger
}

/** Reviews as messages in a channel, and decisions made there. */
export class Slack {
  readonly #parts: SlackParts
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #busy = false
  #again = false
  #failures = 0
  #stopped = false

  constructor(parts: SlackParts) {
    this.#parts = parts
    parts.source.onNews(() => this.#kick())
    this.#kick()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#running
  }

  /** A payload that is known to come from Slack. Never throws: whoever pressed is told. */
  async interaction(payload: unknown): Promise<void> {
    const action = actionOf(payload)
    if (action === undefined) return
    const { api, logger } = this.#parts
    let answer: string
    try {
      answer = await this.#decide(action)
    } catch (error) {
      const { code, message, hint } = asPamError(error)
      logger.info({ code, review: action.value.id, slackUser: action.user }, 'slack.decision_refused')
      answer = [message, hint].filter((part) => part !== undefined).join('. ')
    }
    if (action.channel === '') return
    await api
      .postEphemeral({ channel: action.channel, user: action.user, text: answer })
      .catch((error: unknown) => logger.warn({ problem: (error as Error).message }, 'slack.answer_failed'))
  }

  async #decide({ user, team, value }: SlackAction): Promise<string> {
    const login = await this.#loginOf(user, team)
    return this.#parts.decide(login, value)
  }

  /** The person of the identity provider behind somebody in Slack: by an address that both have verified. */
  async #loginOf(id: string, team: string): Promise<Login> {
    const { api, loginsByEmail, publicUrl } = this.#parts
    const [ours, user] = await Promise.all([api.team(), api.user(id)])
    const isOutsider =
      team !== ours || (user.team_id !== undefined && user.team_id !== ours) || user.id !== id || user.is_stranger
    if (isOutsider || user.deleted || user.is_bot || user.is_restricted || user.is_ultra_restricted)
      throw new PamError('NOT_ALLOWED', 'only members of this workspace decide here')
    const email = user.profile?.email
    if (email === undefined || user.is_email_confirmed !== true)
      throw new PamError('NOT_ALLOWED', 'your address is not confirmed in Slack, so nobody can tell who you are')
    const logins = await loginsByEmail(email)
    if (new Set(logins.map(({ person }) => person.id)).size > 1)
      throw new PamError('AMBIGUOUS', `several people have the address ${email}, so nobody can tell who you are`)
    const latest = logins.toSorted((a, b) => (b.authTime ?? 0) - (a.authTime ?? 0))[0]
    if (latest === undefined) {
      throw new PamError('NOT_SIGNED_IN', `nobody with the address ${email} is signed in to the gateway now`, {
        hint: `sign in and decide there: ${publicUrl()}`,
      })
    }
    return latest
  }

  #kick(): void {
    if (this.#stopped) return
    if (this.#busy) {
      this.#again = true
      return
    }
    clearTimeout(this.#timer)
    this.#busy = true
    this.#running = this.#work()
      .then(() => {
        this.#failures = 0
      })
      .catch((error: unknown) => this.#failed(error as Error))
      .finally(() => {
        this.#busy = false
        if (!this.#again || this.#failures > 0) return
        this.#again = false
        this.#kick()
      })
  }

  /** Nothing is skipped: after a while it is tried again from the same place. */
  #failed(error: Error): void {
    const { logger } = this.#parts
    if (this.#failures === 0) logger.warn({ problem: error.message }, 'slack.failed')
    const wait = Math.max(slackWait(error), Math.min(MAX_WAIT_MS, 1000 * 2 ** this.#failures++))
    if (this.#stopped) return
    this.#timer = setTimeout(() => this.#kick(), wait)
    this.#timer.unref()
  }

  async #work(): Promise<void> {
    const { source, saveCursor } = this.#parts
    let seq = await source.cursor(CURSOR)
    if (seq === undefined) return saveCursor(CURSOR, await source.head())
    for (;;) {
      const notices = await source.after(seq, BATCH_SIZE)
      const last = notices.at(-1)
      if (last === undefined) return
      for (const notice of notices) {
        if (this.#stopped) return
        await this.#tell(notice)
      }
      seq = last.seq
      await saveCursor(CURSOR, seq)
    }
  }

  /** Each thing that happens is a message of its own: nobody looks for an emergency in an old one. */
  async #tellOfEmergency(type: string, use: BreakGlass): Promise<void> {
    const { api, channel, messages } = this.#parts
    const posted = await api.postMessage({ channel, ...plainMessage(breakGlassSentence(type, use)) })
    if (type === 'breakglass.begun') await messages.save(use.id, { channel: posted.channel, ts: posted.ts })
  }

  /** Whoever did not register it themselves learns that somebody has. */
  async #tellOfPasskey(type: string, { person, name }: NonNullable<Notice['passkey']>): Promise<void> {
    const { api, channel } = this.#parts
    const what = type === 'passkey.registered' ? `${person} registered a passkey` : `A passkey of ${person} was removed`
    await api.postMessage({ channel, ...plainMessage(`${what}: ${name}`) })
  }

  async #tell({ type, review, breakGlass, passkey }: Notice): Promise<void> {
    if (breakGlass !== undefined) return this.#tellOfEmergency(type, breakGlass)
    if (passkey !== undefined) return this.#tellOfPasskey(type, passkey)
    if (review === undefined) return
    const { api, channel, messages, showStatements, held, publicUrl } = this.#parts
    const known = await messages.find(review.id)
    const message = reviewMessage(review, {
      showStatements,
      exact: 'sessionId' in review ? (review.state === 'pending' ? held(review) : review.text) : undefined,
      url: `${publicUrl()}/reviews/${review.id}`,
    })
    if (known === undefined) {
      // Reviews that were decided while Slack was unreachable need no message; of what no person approved, people learn afterwards.
      const isNews = type === 'request.approved' && review.decisions.some(({ automatic }) => automatic !== undefined)
      if (review.state !== 'pending' && !isNews) return
      const posted = await api.postMessage({ channel, ...message })
      await messages.save(review.id, { channel: posted.channel, ts: posted.ts })
      return
    }
    if (review.state === 'pending' && review.decisions.length === 0) return
    await api.updateMessage({ ...known, ...message }).catch((error: unknown) => {
      if (!isFinal(error)) throw error
    })
  }
}

const CURSOR = 'notify slack'
const BATCH_SIZE = 100
const MAX_WAIT_MS = 60_000
