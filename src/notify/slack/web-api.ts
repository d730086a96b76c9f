import { HttpFailure, post } from '../../shared/http-post.ts'

/** Slack said no: the documented error of a method, such as `channel_not_found`. */
class SlackError extends Error {
  readonly code: string

  constructor(method: string, code: string) {
    super(`Slack answers ${code} to ${method}`)
    this.code = code
  }
}

/** What `users.info` tells of somebody (docs.slack.dev/reference/objects/user-object). */
export interface SlackUser {
  readonly id: string
  readonly team_id?: string
  readonly deleted?: boolean
  readonly is_bot?: boolean
  readonly is_restricted?: boolean
  readonly is_ultra_restricted?: boolean
  readonly is_stranger?: boolean
  readonly is_email_confirmed?: boolean
  readonly profile?: { readonly email?: string }
}

/** The methods of Slack's Web API that we use (docs.slack.dev/apis/web-api). */
export interface SlackApi {
  /** The workspace that the token is of. */
  team(): Promise<string>
  postMessage(message: { channel: string; text: string; blocks: readonly unknown[] }): Promise<{
    channel: string
    ts: string
  }>
  updateMessage(message: { channel: string; ts: string; text: string; blocks: readonly unknown[] }): Promise<void>
  /** Seen by one person only. */
  postEphemeral(message: { channel: string; user: string; text: string }): Promise<void>
  user(id: string): Promise<SlackUser>
  /** The URL of a socket for this app (Socket Mode). */
  openSocket(): Promise<string>
}

export function slackApi(options: {
  /** `https://slack.com/api`. */
  readonly url: string
  readonly botToken: () => string
  readonly appToken: (() => string) | undefined
}): SlackApi {
  const call = async <T>(method: string, token: string, type: string, body: string): Promise<T> => {
    const answer = await post(
      { url: `${options.url}/${method}`, headers: () => ({ authorization: `Bearer ${token}` }) },
      type,
      body,
    )
    const parsed = JSON.parse(answer) as { ok?: boolean; error?: string } & T
    if (parsed.ok !== true) throw new SlackError(method, parsed.error ?? 'no reason')
    return parsed
  }
  const json = <T>(method: string, body: object): Promise<T> =>
    call<T>(method, options.botToken(), 'application/json; charset=utf-8', JSON.stringify(body))
  let team: Promise<string> | undefined
  return {
    team() {
      team ??= json<{ team_id: string }>('auth.test', {}).then(({ team_id }) => team_id)
      team.catch(() => (team = undefined))
      return team
    },
    postMessage: (message) => json('chat.postMessage', { ...message, unfurl_links: false, unfurl_media: false }),
    async updateMessage(message) {
      await json('chat.update', message)
    },
    async postEphemeral(message) {
      await json('chat.postEphemeral', message)
    },
    async user(id) {
      // This method takes no JSON.
      const body = new URLSearchParams({ user: id }).toString()
      const { user } = await call<{ user: SlackUser }>(
        'users.info',
        options.botToken(),
        'application/x-www-form-urlencoded',
        body,
      )
      return user
    },
    async openSocket() {
      const { url } = await call<{ url: string }>(
        'apps.connections.open',
        options.appToken?.() ?? '',
        'application/x-www-form-urlencoded',
        '',
      )
      return url
    },
  }
}

/** How long Slack asks to wait, in milliseconds; 0 where it does not. */
export const slackWait = (error: unknown): number => (error instanceof HttpFailure ? (error.retryAfter ?? 0) : 0)

/** The message or the channel is gone: trying again does not help. */
export const isFinal = (error: unknown): boolean =>
  error instanceof SlackError && /^(message_not_found|cant_update_message|edit_window_closed)$/.test(error.code)
