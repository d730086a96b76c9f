import { asPamError, PamError } from '../shared/errors.ts'
import { MUX_PROTOCOL, Multiplexer, MuxRefusal, OLDER_MUX_PROTOCOL } from '../tunnel/multiplexer.ts'
import type { TunnelChannel } from '../tunnel/web-socket-channel.ts'
import { parseProblem } from './api-calls.ts'
import { openTunnel, openWebSocket, tunnelUrl } from './tunnel.ts'

export interface SharedTunnelParts {
  readonly gateway: string
  readonly ca: string | undefined
  /** Headers of one call, with a proof of its own. */
  authorize(method: string, url: string): Promise<Readonly<Record<string, string>>>
}

/**
 * The tunnels of one login over one WebSocket. It is opened with the first tunnel, again where it was lost, and closed when it
 * has carried none for a while. Each tunnel is authenticated by itself: a connection that stays proves nothing.
 */
export class SharedTunnel {
  readonly #parts: SharedTunnelParts
  #connection: Promise<Multiplexer> | undefined
  #idle: NodeJS.Timeout | undefined
  /** The gateway is of a version that has none: each tunnel has a connection of its own. */
  #isUnknown = false

  constructor(parts: SharedTunnelParts) {
    this.#parts = parts
  }

  /** Rejects with what the gateway, or the way there, said. */
  async open(target: string): Promise<TunnelChannel> {
    const { gateway, ca } = this.#parts
    const url = tunnelUrl(gateway, target)
    for (let attempt = 0; !this.#isUnknown; attempt++) {
      const connection = await this.#connected()
      if (connection === undefined) break
      const { authorization = '', dpop = '' } = await this.#parts.authorize('GET', url)
      try {
        return await connection.open({ target, authorization, dpop })
      } catch (error) {
        if (error instanceof MuxRefusal) throw refusalOf(error)
        // It was lost just now; a new one may hold.
        if (attempt > 0) throw lost(gateway, error)
        this.#connection = undefined
      }
    }
    return openTunnel(gateway, target, { headers: await this.#parts.authorize('GET', url), ca })
  }

  /** Ends every tunnel. */
  close(): void {
    clearTimeout(this.#idle)
    const connection = this.#connection
    this.#connection = undefined
    connection?.then((open) => open.close()).catch(() => {})
  }

  /** Undefined where the gateway has no such thing. */
  async #connected(): Promise<Multiplexer | undefined> {
    const current = (this.#connection ??= this.#connect())
    const forget = (): void => {
      if (this.#connection === current) this.#connection = undefined
    }
    try {
      const open = await current
      if (!open.isClosed) return open
    } catch (error) {
      forget()
      if (asPamError(error).code !== 'NOT_FOUND') throw error
      this.#isUnknown = true
      return undefined
    }
    forget()
    return this.#connected()
  }

  async #connect(): Promise<Multiplexer> {
    const { gateway, ca } = this.#parts
    const url = `${gateway}/v1/tunnels`
    const options = { headers: await this.#parts.authorize('GET', url), ca }
    return openWebSocket(gateway, url, OFFERED, options, (socket, connection) => {
      const made: Multiplexer = new Multiplexer(socket, {
        connection,
        isAgent: true,
        changed: (open) => {
          clearTimeout(this.#idle)
          if (open > 0) return
          this.#idle = setTimeout(() => made.size === 0 && made.close(), IDLE_TIMEOUT_MS)
          this.#idle.unref()
        },
      })
      return made
    })
  }
}

const refusalOf = ({ problem }: MuxRefusal): PamError =>
  parseProblem(problem) ?? new PamError('GATEWAY_UNREACHABLE', 'the gateway refused the tunnel without a reason')

const lost = (gateway: string, error: unknown): PamError =>
  new PamError('GATEWAY_UNREACHABLE', `the connection to ${gateway} was lost`, { cause: error, hint: 'connect again' })

/** A gateway that knows only the older one takes the first that is offered, whatever it is. */
const OFFERED = [OLDER_MUX_PROTOCOL, MUX_PROTOCOL]
const IDLE_TIMEOUT_MS = 60_000
