import { userInfo } from 'node:os'
import { createApiClient, type ApiClient } from '../gateway-client/api-client.ts'
import type { Authorize } from '../gateway-client/api-calls.ts'
import { SharedTunnel } from '../gateway-client/shared-tunnel.ts'
import { openTunnel, tunnelUrl } from '../gateway-client/tunnel.ts'
import { variable } from '../shared/environment.ts'
import type { ErrorCode } from '../shared/error-codes.ts'
import { fromErrorBody, PamError } from '../shared/errors.ts'
import { fetchWithCa } from '../shared/fetch-with-ca.ts'
import { letHeapGrow } from '../shared/heap-growth.ts'
import { createLogger, type Logger } from '../shared/logger.ts'
import { VERSION } from '../shared/version.ts'
import type { TunnelChannel, TunnelFrame } from '../tunnel/web-socket-channel.ts'
import type { AgentEvent, ControlMethods, ListenerStatus } from './control-messages.ts'
import { serveControl, type ControlHandlers, type ControlPeer } from './control-socket.ts'
import { forward } from './forward.ts'
import { holdEventOf } from './hold-event.ts'
import { KeptPorts, type KeptPort } from './kept-ports.ts'
import { localHalves } from '../protocols/local.ts'
import { isProtocolName } from '../protocols/names.ts'
import { listenLocally, type LocalListener } from './local-listener.ts'
import { Logins } from './logins.ts'
import { userPaths, type Paths } from './paths.ts'

/** Runs the agent until it is idle. `privateControl`: for one command only, with which it ends. */
export async function runAgent(privateControl: string | undefined): Promise<void> {
  // All that it creates, sockets included, is private to this user, whatever umask it was started with.
  process.umask(0o077)
  letHeapGrow(HEAP_GROWTH_PERCENT)
  const paths = userPaths()
  const logger = createLogger('info')
  const agent = new Agent(paths, logger)
  let peers = 0
  let idle: NodeJS.Timeout | undefined
  const leave = (): void => {
    void agent.stop().then(() => {
      logger.info('agent.left')
      process.exit(0)
    })
  }
  let wasUsed = false
  const scheduleIdleExit = (): void => {
    clearTimeout(idle)
    if (peers > 0 || agent.isInUse) return
    // On a busy machine the command that started it may take a while to connect.
    const time = privateControl === undefined ? IDLE_TIMEOUT_MS : wasUsed ? PRIVATE_IDLE_TIMEOUT_MS : MAX_START_MS
    idle = setTimeout(exitIfIdle, time)
  }
  const exitIfIdle = (): void => (peers > 0 || agent.isInUse ? scheduleIdleExit() : leave())
  agent.onChange = scheduleIdleExit
  try {
    await serveControl(privateControl ?? paths.control, agent.handlers(leave), {
      onPeers(count) {
        peers = count
        wasUsed ||= count > 0
        scheduleIdleExit()
      },
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return // another agent was quicker
    throw error
  }
  process.on('SIGTERM', leave)
  process.on('SIGINT', leave)
  process.on('SIGHUP', () => {})
  logger.info({ pid: process.pid, version: VERSION }, 'agent.started')
  // An agent that nobody has connected to exits, too.
  scheduleIdleExit()
}

interface OpenListener {
  /** Among those that are open. */
  readonly key: string
  readonly listener: LocalListener
  readonly gateway: string
  readonly person: string
  readonly target: string
  readonly protocol: string
  readonly sharing: Sharing
  readonly profile: string
  readonly peers: Set<ControlPeer>
  readonly connections: Set<Connection>
}

/**
 * Shared by all who ask for the target; by those on a Unix socket only; of one client alone, whose terminal gets the messages about it; or
 * kept beyond the command that opened it.
 */
type Sharing = 'shared' | 'private' | 'own' | 'kept'

interface Connection {
  /** Ends it; the client is told why where its protocol has a place for that. */
  end(reason: PamError): void
}

/** Listeners by (gateway, person, target), and the tunnels that are open. */
class Agent {
  readonly #paths: Paths
  readonly #logger: Logger
  readonly #logins: Logins
  readonly #listeners = new Map<string, OpenListener>()
  readonly #opening = new Map<string, Promise<LocalListener>>()
  /** By profile, gateway and person: each is for one sign-in. */
  readonly #shared = new Map<string, SharedTunnel>()
  /** Closed listeners that still have connections. */
  readonly #closing = new Set<Promise<void>>()
  readonly #kept: KeptPorts
  #stopped: PamError | undefined
  onChange: () => void = () => {}

  constructor(paths: Paths, logger: Logger) {
    this.#paths = paths
    this.#logger = logger
    this.#logins = new Logins(paths, {
      lost: (profile, error) => this.#lost(profile, error),
      notice: (profile, message) => this.#notify(profile, message),
    })
    this.#kept = new KeptPorts({
      apiOf: (port) => this.#apiOf(port),
      ended: (port, reason) => void this.#closeKept((open) => isSamePort(open, port), reason),
    })
  }

  /** It has connections, or ports that stay open beyond the command that opened them. */
  get isInUse(): boolean {
    return [...this.#listeners.values()].some(({ sharing, connections }) => sharing === 'kept' || connections.size > 0)
  }

  /** Ends every connection, in its own protocol where possible. Resolves when all are closed, or after a short time. */
  async stop(): Promise<void> {
    const reason = new PamError('SHUTTING_DOWN', 'the local agent is stopping', { hint: 'run "pamctl connect" again' })
    this.#stopped = reason
    for (const open of this.#listeners.values()) this.#close(open, reason)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, MAX_STOP_MS)))
    await Promise.race([Promise.all(this.#closing), late])
    clearTimeout(timer)
  }

  #close({ key, listener, connections, sharing, ...port }: OpenListener, reason: PamError): void {
    if (this.#listeners.get(key)?.listener === listener) this.#listeners.delete(key)
    if (sharing === 'kept') this.#kept.remove(port)
    const closed: Promise<void> = listener.close().finally(() => this.#closing.delete(closed))
    this.#closing.add(closed)
    for (const connection of connections) connection.end(reason)
  }

  handlers(leave: () => void): ControlHandlers {
    return {
      hello: async () => ({ version: VERSION, pid: process.pid }),
      'check-client': (params) => this.#logins.checkClient(params),
      'prove-sign-in': (params) => this.#logins.proveSignIn(params),
      'sign-in': (params) => this.#logins.signIn(params),
      'choose-profile': (params) => this.#logins.choose(params),
      'sign-in-service': (params) => this.#logins.signInService(params),
      authorize: async ({ profile, method, url }) => {
        const keeper = await this.#logins.need(profile)
        return keeper.authorize(method, url)
      },
      profile: async ({ profile, required, gateway }) => {
        if (required === true) await this.#logins.need(profile, gateway)
        return this.#logins.info(profile)
      },
      logout: async ({ profile }) => {
        const result = await this.#logins.logout(profile)
        this.#closeTunnels(profile, SIGNED_OUT)
        this.#closeKept((open) => open.profile === profile, SIGNED_OUT)
        return result
      },
      listen: (params, peer) => this.#listen(params, peer),
      'keep-port': (params) => this.#keepPort(params),
      // Also where the gateway cannot be reached.
      'close-kept-port': async ({ profile, target }) => ({
        closed: this.#closeKept(
          (open) => open.profile === profile && open.target === target,
          new PamError('SHUTTING_DOWN', `this port of ${target} was closed`, { hint: `pamctl env ${target}` }),
        ),
      }),
      'open-ports': async ({ profile, protocol }) => {
        const { gateway, person } = await this.#identity(profile)
        return [...this.#listeners.values()]
          .filter((open) => open.gateway === gateway && open.person === person)
          .filter((open) => open.protocol === protocol && open.sharing === 'shared')
          .map(({ target, listener }) => ({ target, listener: listener.info }))
      },
      status: async () => ({
        version: VERSION,
        pid: process.pid,
        listeners: [...this.#listeners.values()].map((open) => this.#statusOf(open)),
      }),
      stop: async () => {
        setTimeout(leave, 20)
        return {}
      },
    }
  }

  #statusOf({ gateway, person, target, profile, listener, connections, sharing }: OpenListener): ListenerStatus {
    const status = { gateway, person, target, port: listener.info.port, tunnels: connections.size }
    if (sharing !== 'kept') return status
    const endsAt = this.#kept.endOf({ profile, gateway, person, target })
    return { ...status, kept: endsAt === undefined ? {} : { until: new Date(endsAt).toISOString() } }
  }

  async #listen(params: ControlMethods['listen']['params'], peer: ControlPeer) {
    const sharing: Sharing = params.private === true ? 'private' : params.own === true ? 'own' : 'shared'
    const mine = await this.#openListener(params, sharing)
    mine.peers.add(peer)
    peer.onClose(() => {
      mine.peers.delete(peer)
      if (mine.peers.size > 0) return
      this.#close(
        mine,
        new PamError('SHUTTING_DOWN', `"pamctl connect ${mine.target}" has ended, and this port with it`, {
          hint: 'run it again',
        }),
      )
      this.onChange()
    })
    return mine.listener.info
  }

  async #keepPort(params: ControlMethods['keep-port']['params']): Promise<ControlMethods['keep-port']['result']> {
    const { profile, target } = params
    const { gateway, person } = await this.#identity(profile)
    const port = { profile, gateway, person, target }
    // First, so that nothing is missed while the port is being opened.
    const endsAt = await this.#kept.add(port)
    const open = await this.#openListener(params, 'kept').catch((error: unknown) => {
      if (!this.#isKept(port)) this.#kept.remove(port)
      throw error
    })
    if (!this.#kept.has(port)) {
      const reason = new PamError('GRANT_OVER', `your access to ${target} has ended`)
      this.#closeKept((other) => isSamePort(other, port), reason)
      throw reason
    }
    const { listener } = open
    return { listener: listener.info, ...(endsAt === undefined ? {} : { endsAt: new Date(endsAt).toISOString() }) }
  }

  #isKept(port: KeptPort): boolean {
    return [...this.#listeners.values()].some((open) => open.sharing === 'kept' && isSamePort(open, port))
  }

  /** Whether there was any. */
  #closeKept(isMeant: (open: OpenListener) => boolean, reason: PamError): boolean {
    const meant = [...this.#listeners.values()].filter((open) => open.sharing === 'kept' && isMeant(open))
    for (const open of meant) {
      this.#logger.info({ target: open.target, code: reason.code }, 'port.closed')
      this.#close(open, reason)
    }
    if (meant.length > 0) this.onChange()
    return meant.length > 0
  }

  async #openListener(params: ControlMethods['keep-port']['params'], sharing: Sharing): Promise<OpenListener> {
    const { profile, target, port } = params
    if (!isProtocolName(params.protocol))
      throw new PamError('FEATURE_REFUSED', `this pamctl does not know targets of type ${params.protocol}`, {
        hint: 'update pamctl',
      })
    const protocol = localHalves[params.protocol]
    const { gateway, person } = await this.#identity(profile)
    const keyOf = (number: number): string =>
      JSON.stringify([gateway, person, target, sharing, sharing === 'kept' ? profile : number])
    // Freed numbers are used again, and with them the same ports.
    let number = 0
    if (sharing === 'own') while (this.#opening.has(keyOf(number)) || this.#listeners.has(keyOf(number))) number++
    const key = keyOf(number)
    // Several programs may ask at once: all but the first wait for the listener that is being opened.
    while (this.#opening.has(key)) await this.#opening.get(key)?.catch(() => {})
    let open = this.#listeners.get(key)
    if (open !== undefined && port !== undefined && port !== open.listener.info.port) {
      throw new PamError('PORT_TAKEN', `${target} is being served on port ${open.listener.info.port} already`, {
        hint: 'leave --port out',
      })
    }
    if (open === undefined) {
      const connections = new Set<Connection>()
      const peers = new Set<ControlPeer>()
      const tell = (message: string, kind: AgentEvent['kind'] = 'told', code?: ErrorCode): void => {
        const event = { target, message, kind, ...(code === undefined ? {} : { code }) }
        for (const listening of peers) listening.send(event)
      }
      const look = (code: string | undefined): void => {
        if (ENDS_ACCESS.has(code)) this.#kept.look({ profile, gateway, person, target })
      }
      const opening = listenLocally({
        name: `${gateway} ${person} ${target}${sharing === 'own' ? ` client ${number}` : ''}`,
        port,
        protocol,
        private: sharing === 'private',
        runtime: this.#paths.runtime,
        uid: userInfo().uid,
        turnedAway: (reason) => {
          this.#logger.warn({ target, reason }, 'connection.turned_away')
          tell(`turned away ${reason}`)
        },
        accept: (client, announcement) => {
          const connection: Connection = { end: (reason) => end(reason) }
          const end = forward(client, {
            protocol,
            announcement,
            open: () => this.#open(profile, gateway, person, target),
            tell: (frame) => {
              const hold = holdEventOf(frame, target)
              if (hold !== undefined) for (const listening of peers) listening.sendHold(hold)
              tellFrame(frame, tell)
              if (frame.type === 'ended') look(frame.code)
            },
            failed: (error, isTold) => {
              look(error.code)
              this.#logger.warn({ target, code: error.code }, 'tunnel.failed')
              tell(inOneLine(error), isTold ? 'told' : 'untold', error.code)
            },
            closed: () => {
              connections.delete(connection)
              if (!this.#isUsed(profile)) this.#logins.loaded(profile)?.stopProving()
              this.onChange()
            },
          })
          connections.add(connection)
          if (this.#stopped !== undefined) return connection.end(this.#stopped)
          // The profile may have been signed in again since the port was opened.
          this.#logins.loaded(profile)?.keepProven()
        },
      })
      this.#opening.set(key, opening)
      try {
        open = {
          key,
          listener: await opening,
          gateway,
          person,
          target,
          protocol: params.protocol,
          sharing,
          profile,
          peers,
          connections,
        }
        this.#listeners.set(key, open)
      } finally {
        // Only now: those who wait look among the listeners next.
        this.#opening.delete(key)
      }
    }
    return open
  }

  /** Who is signed in, and where. Fetches an access token, so that a missing sign-in is known before anything listens. */
  async #identity(profile: string): Promise<{ gateway: string; person: string }> {
    const keeper = await this.#logins.need(profile)
    await keeper.authorize('GET', keeper.login.gateway)
    return { gateway: keeper.login.gateway, person: keeper.person?.id ?? '' }
  }

  /** Headers for calls as this person. */
  #authorizeAs({ profile, gateway, person }: Omit<KeptPort, 'target'>): Authorize {
    return async (method, url) => {
      // The profile may have been signed in again since the port was opened: elsewhere, or as somebody else.
      const keeper = await this.#logins.need(profile)
      const isSameGateway = keeper.login.gateway === gateway
      const headers = isSameGateway ? await keeper.authorize(method, url) : {}
      if (isSameGateway && keeper.person?.id === person) return headers
      throw new PamError('NOT_SIGNED_IN', `this port was opened for another sign-in, which has ended`, {
        hint: 'run "pamctl connect" again',
      })
    }
  }

  async #apiOf(port: KeptPort): Promise<ApiClient> {
    const { ca } = (await this.#logins.need(port.profile)).login
    return createApiClient({ gateway: port.gateway, fetch: fetchWithCa(ca), authorize: this.#authorizeAs(port) })
  }

  async #open(profile: string, gateway: string, person: string, target: string): Promise<TunnelChannel> {
    const { ca } = (await this.#logins.need(profile)).login
    const authorize = this.#authorizeAs({ profile, gateway, person })
    if (OWN_TUNNELS)
      return openTunnel(gateway, target, { headers: await authorize('GET', tunnelUrl(gateway, target)), ca })
    const key = JSON.stringify([profile, gateway, person, ca])
    const shared = this.#shared.get(key) ?? new SharedTunnel({ gateway, ca, authorize })
    this.#shared.set(key, shared)
    return shared.open(target)
  }

  #isUsed(profile: string): boolean {
    return [...this.#listeners.values()].some((open) => open.profile === profile && open.connections.size > 0)
  }

  /** The login has ended: its connections end. */
  #lost(profile: string, error: PamError): void {
    this.#logger.warn({ profile, code: error.code }, 'login.lost')
    const { code, message, hint = 'sign in again: pamctl login' } = error
    const reason = new PamError(code, message, { hint })
    this.#closeTunnels(profile, reason)
    this.#closeKept((open) => open.profile === profile, reason)
  }

  #notify(profile: string, message: string): void {
    this.#logger.warn({ profile, notice: message }, 'login.notice')
    for (const { profile: of, target, peers } of this.#listeners.values())
      if (of === profile) for (const peer of peers) peer.send({ target, message, kind: 'ahead' })
  }

  #closeTunnels(profile: string, reason: PamError): void {
    for (const { profile: of, target, peers, connections } of this.#listeners.values()) {
      if (of !== profile) continue
      const message = `${reason.message}; ${reason.hint}`
      for (const peer of peers) peer.send({ target, message, kind: 'told', code: reason.code })
      // The gateway ends its side with a native error; the rest is closed here.
      setTimeout(() => {
        for (const connection of connections) connection.end(reason)
      }, 1000)
    }
  }
}

const isSamePort = (open: OpenListener, { profile, gateway, person, target }: KeptPort): boolean =>
  open.profile === profile && open.gateway === gateway && open.person === person && open.target === target

function tellFrame(
  frame: TunnelFrame,
  tell: (message: string, kind: AgentEvent['kind'], code?: ErrorCode) => void,
): void {
  const quiet =
    frame.type === 'opened' ||
    (frame.type === 'ended' && (frame.code === 'CLIENT_LEFT' || frame.code === 'TARGET_LEFT'))
  if (quiet || frame.message === undefined) return
  const text = inOneLine({ message: frame.message, hint: frame.hint })
  if (frame.type === 'notice') tell(text, 'ahead')
  else tell(text, 'told', fromErrorBody(frame).code)
}

const inOneLine = ({ message, hint }: { message: string; hint?: string | undefined }): string =>
  hint === undefined ? message : `${message} (${hint})`

const IDLE_TIMEOUT_MS = 30 * 60_000
const PRIVATE_IDLE_TIMEOUT_MS = 100
const MAX_START_MS = 10_000
const MAX_STOP_MS = 2000
/** In per cent; the agent's heap is some 10 MB. */
const HEAP_GROWTH_PERCENT = 300
/** What a connection ends with, or is refused with, where nothing more may come. */
const ENDS_ACCESS: ReadonlySet<string | undefined> = new Set([
  'GRANT_OVER',
  'GRANT_REVOKED',
  'LOCKED',
  'NO_GRANT',
  'NO_ACCESS',
  'TARGET_UNKNOWN',
])
const SIGNED_OUT = new PamError('NOT_SIGNED_IN', 'you signed out', { hint: 'sign in again: pamctl login' })
/** A WebSocket per connection: for networks that cut long-lived connections, and for measurements. */
const OWN_TUNNELS = variable(process.env, 'PAMCTL_TUNNEL') === 'own'
