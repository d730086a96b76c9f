import { WebSocket } from 'ws'
import type { Logger } from '../../shared/logger.ts'

/**
 * Interactions through a socket that we open (docs.slack.dev/apis/events-api/using-socket-mode): nothing of the gateway
 * has to be reachable from outside. Comes back by itself.
 */
export class SocketMode {
  readonly #open: () => Promise<string>
  readonly #heard: (payload: unknown) => void
  readonly #logger: Logger
  #socket: WebSocket | undefined
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  #stopped = false

  constructor(open: () => Promise<string>, heard: (payload: unknown) => void, logger: Logger) {
    this.#open = open
    this.#heard = heard
    this.#logger = logger
    void this.#connect()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#socket?.terminate()
  }

  async #connect(): Promise<void> {
    try {
      const url = await this.#open()
      if (this.#stopped) return
      const socket = new WebSocket(url, { maxPayload: MAX_MESSAGE_LENGTH, handshakeTimeout: HANDSHAKE })
      this.#socket = socket
      let hasEnded = false
      const over = (problem: string): void => {
        if (hasEnded) return
        hasEnded = true
        clearTimeout(silence)
        socket.terminate()
        this.#again(problem)
      }
      // Slack pings now and then; a socket in which nothing comes is dead.
      const silence = setTimeout(() => over('silent'), MAX_SILENCE_MS)
      const alive = (): void => void silence.refresh()
      socket.on('ping', alive)
      socket.on('message', (data: Buffer) => {
        alive()
        this.#message(socket, data.toString('utf8'), over)
      })
      socket.on('error', (error) => over(error.message))
      socket.on('close', () => over('closed'))
    } catch (error) {
      this.#again((error as Error).message)
    }
  }

  #message(socket: WebSocket, text: string, over: (problem: string) => void): void {
    let envelope: { type?: unknown; envelope_id?: unknown; payload?: unknown }
    try {
      envelope = JSON.parse(text) as typeof envelope
    } catch {
      return over('a message that is no JSON')
    }
    if (typeof envelope.envelope_id === 'string') socket.send(JSON.stringify({ envelope_id: envelope.envelope_id }))
    switch (envelope.type) {
      case 'hello':
        this.#failures = 0
        this.#logger.info({}, 'slack.connected')
        break
      case 'disconnect':
        over('asked to connect again')
        break
      case 'interactive':
        this.#heard(envelope.payload)
        break
    }
  }

  #again(problem: string): void {
    if (this.#stopped) return
    if (this.#failures > 0) this.#logger.warn({ problem }, 'slack.disconnected')
    const wait = Math.min(MAX_WAIT_MS, 500 * 2 ** this.#failures++) * (0.5 + Math.random() / 2)
    this.#timer = setTimeout(() => void this.#connect(), wait)
    this.#timer.unref()
  }
}

const MAX_MESSAGE_LENGTH = 1_048_576
const HANDSHAKE = 10_000
const MAX_SILENCE_MS = 120_000
const MAX_WAIT_MS = 60_000
