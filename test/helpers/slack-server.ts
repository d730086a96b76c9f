import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'

export interface PostedMessage {
  readonly channel: string
  readonly ts: string
  text: string
  blocks: { type: string; elements?: { action_id?: string; value?: string; url?: string }[] }[]
}

/**
 * A stand-in for Slack that speaks the documented part of its API which the gateway uses: it runs nowhere else but here,
 * so what it does is what the documents say, no more.
 */
export interface SlackServer {
  readonly url: string
  readonly messages: PostedMessage[]
  readonly ephemeral: { channel: string; user: string; text: string }[]
  readonly users: Map<string, Record<string, unknown>>
  /** Answers to give before the right ones: a status, or Slack's own error. */
  readonly failures: ({ status: number; retryAfter?: number } | { error: string })[]
  readonly calls: string[]
  /** Sends what somebody pressed, through the socket that the gateway opened. */
  press(
    user: string,
    message: PostedMessage,
    actionId: string,
    change?: (payload: Record<string, unknown>) => void,
  ): Promise<void>
  payload(user: string, message: PostedMessage, actionId: string): Record<string, unknown>
  acknowledged: string[]
  dropSockets(): void
  sockets(): number
  stop(): Promise<void>
}

interface Body {
  readonly channel: string
  readonly ts: string
  readonly user: string
  readonly text: string
  readonly blocks: PostedMessage['blocks']
}

export const BOT_TOKEN = 'xoxb-test-bot'
export const APP_TOKEN = 'xapp-test-app'
export const SIGNING_SECRET = '8f742231b10e8888abcd99yyyzzz85a5'
const TEAM = 'T0PAM'

export async function startSlackServer(): Promise<SlackServer> {
  const messages: PostedMessage[] = []
  const ephemeral: SlackServer['ephemeral'] = []
  const users = new Map<string, Record<string, unknown>>()
  const failures: SlackServer['failures'] = []
  const calls: string[] = []
  const acknowledged: string[] = []
  let envelopes = 0
  const sockets = new Set<WebSocket>()

  const methods: Record<string, (body: Body, token: string) => Record<string, unknown>> = {
    'auth.test': () => ({ team_id: TEAM }),
    'chat.postMessage': ({ channel, text, blocks }) => {
      const message: PostedMessage = {
        channel,
        text,
        blocks,
        ts: `1700000000.${String(messages.length).padStart(6, '0')}`,
      }
      messages.push(message)
      return { channel, ts: message.ts }
    },
    'chat.update': ({ ts, text, blocks }) => {
      const message = messages.find((candidate) => candidate.ts === ts)
      if (message === undefined) throw new Error('message_not_found')
      Object.assign(message, { text, blocks })
      return {}
    },
    'chat.postEphemeral': ({ channel, user, text }) => {
      ephemeral.push({ channel, user, text })
      return {}
    },
    'users.info': ({ user }) => {
      const found = users.get(user)
      if (found === undefined) throw new Error('user_not_found')
      return { user: found }
    },
    'apps.connections.open': (_body, token) => {
      if (token !== APP_TOKEN) throw new Error('not_allowed_token_type')
      return { url: `ws://127.0.0.1:${port()}/link` }
    },
  }

  const server: Server = createServer((request, response) => {
    void readBody(request).then((text) => {
      const method = (request.url ?? '').slice(1)
      calls.push(method)
      const failure = failures.shift()
      if (failure !== undefined && 'status' in failure) {
        response.writeHead(
          failure.status,
          failure.retryAfter === undefined ? {} : { 'retry-after': String(failure.retryAfter) },
        )
        return response.end()
      }
      const token = (request.headers.authorization ?? '').replace('Bearer ', '')
      const answer = (body: object): void =>
        void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      if (failure !== undefined) return answer({ ok: false, error: failure.error })
      if (token !== BOT_TOKEN && token !== APP_TOKEN) return answer({ ok: false, error: 'invalid_auth' })
      try {
        const isJson = request.headers['content-type']?.startsWith('application/json') === true
        const body = (isJson ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text))) as unknown as Body
        const known = methods[method]
        if (known === undefined) throw new Error('unknown_method')
        answer({ ok: true, ...known(body, token) })
      } catch (error) {
        answer({ ok: false, error: (error as Error).message })
      }
    })
  })
  const link = new WebSocketServer({ server, path: '/link' })
  link.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('message', (data: Buffer) => {
      const { envelope_id } = JSON.parse(data.toString('utf8')) as { envelope_id: string }
      acknowledged.push(envelope_id)
    })
    socket.send(JSON.stringify({ type: 'hello' }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const port = (): number => (server.address() as AddressInfo).port

  const payload = (user: string, message: PostedMessage, actionId: string): Record<string, unknown> => {
    const action = message.blocks
      .flatMap(({ elements }) => elements ?? [])
      .find(({ action_id }) => action_id === actionId)
    if (action === undefined) throw new Error(`there is no ${actionId}`)
    return {
      type: 'block_actions',
      user: { id: user, team_id: TEAM },
      team: { id: TEAM },
      channel: { id: message.channel },
      container: { type: 'message', message_ts: message.ts, channel_id: message.channel },
      actions: [{ ...action, type: 'button' }],
    }
  }
  return {
    url: `http://127.0.0.1:${port()}`,
    messages,
    ephemeral,
    users,
    failures,
    calls,
    acknowledged,
    payload,
    press(user, message, actionId, change = () => {}) {
      const pressed = payload(user, message, actionId)
      change(pressed)
      const [socket] = sockets
      socket?.send(JSON.stringify({ type: 'interactive', envelope_id: `env-${envelopes++}`, payload: pressed }))
      return Promise.resolve()
    },
    dropSockets() {
      for (const socket of sockets) socket.terminate()
    },
    sockets: () => sockets.size,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.terminate()
        link.close()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** A member of the workspace, as `users.info` tells. */
export const slackUser = (id: string, email: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  id,
  team_id: TEAM,
  deleted: false,
  is_bot: false,
  is_restricted: false,
  is_ultra_restricted: false,
  is_email_confirmed: true,
  profile: { email },
  ...more,
})

/** As Slack signs a call to an endpoint. */
export function signedCall(body: string, secret = SIGNING_SECRET, at = Date.now()): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000))
  const signature = `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`
  return {
    'content-type': 'application/x-www-form-urlencoded',
    'x-slack-request-timestamp': timestamp,
    'x-slack-signature': signature,
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return body
}
