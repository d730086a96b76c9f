import type { Server } from 'node:net'
import { answerReader } from '../gateway-client/answer-reader.ts'
import { createApiClient, type ApiClient } from '../gateway-client/api-client.ts'
import type { Authorize } from '../gateway-client/api-calls.ts'
import { SharedTunnel } from '../gateway-client/shared-tunnel.ts'
import { openTunnel, tunnelUrl } from '../gateway-client/tunnel.ts'
import { variable } from '../shared/environment.ts'
import { PamError } from '../shared/errors.ts'
import { httpCall } from '../shared/http-call.ts'
import { letHeapGrow } from '../shared/heap-growth.ts'
import { createLogger, type Logger } from '../shared/logger.ts'
import { VERSION } from '../shared/version.ts'
import type { TunnelChannel } from '../tunnel/web-socket-channel.ts'
import { serveControl, type ControlHandlers } from './control-socket.ts'
import type { KeptPort } from './kept-ports.ts'
import { LocalPorts } from './local-ports.ts'
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
  let control: Server | undefined
  const leave = (): void => {
    // Whoever comes from now on starts another agent, and is not cut off with this one.
    control?.close()
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
    control = await serveControl(privateControl ?? paths.control, agent.handlers(leave), {
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

/** Logins, the ports that are open for them, and the connections to their gateways. */
class Agent {
  readonly #logger: Logger
  readonly #logins: Logins
  readonly #ports: LocalPorts
  /** By profile, gateway and person: each is for one sign-in. */
  readonly #shared = new Map<string, SharedTunnel>()
  onChange: () => void = () => {}

  constructor(paths: Paths, logger: Logger) {
    this.#logger = logger
    this.#logins = new Logins(paths, {
      lost: (profile, error) => this.#lost(profile, error),
      notice: (profile, message) => {
        logger.warn({ profile, notice: message }, 'login.notice')
        this.#ports.notify(profile, message)
      },
      proven: (profile) => this.#ports.proven(profile),
    })
    this.#ports = new LocalPorts({
      runtime: paths.runtime,
      logger,
      identity: (profile) => this.#identity(profile),
      openTunnel: (port) => this.#openTunnel(port),
      apiOf: (port) => this.#apiOf(port),
      isProven: (profile) => this.#logins.loaded(profile)?.isProven === true,
      // The profile may have been signed in again since the port was opened.
      connected: (profile) => this.#logins.loaded(profile)?.keepProven(),
      unused: (profile) => this.#logins.loaded(profile)?.stopProving(),
      changed: () => this.onChange(),
    })
  }

  /** It has connections, or ports that stay open beyond the command that opened them. */
  get isInUse(): boolean {
    return this.#ports.areInUse
  }

  /** Ends every connection, in its own protocol where possible. Resolves when all are closed, or after a short time. */
  stop(): Promise<void> {
    return this.#ports.stop()
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
        this.#ports.signedOut(profile, SIGNED_OUT)
        return result
      },
      listen: (params, peer) => this.#ports.listen(params, peer),
      'keep-port': (params) => this.#ports.keep(params),
      // Also where the gateway cannot be reached.
      'close-kept-port': async ({ profile, target }) => ({
        closed: this.#ports.closeKept(
          { profile, target },
          new PamError('SHUTTING_DOWN', `this port of ${target} was closed`, {
            hint: `open it again: pamctl env ${target}`,
          }),
        ),
      }),
      'open-ports': async ({ profile, protocol }) => {
        const { gateway, person } = await this.#identity(profile)
        return this.#ports.shared({ gateway, person, protocol })
      },
      status: async () => ({
        version: VERSION,
        pid: process.pid,
        listeners: this.#ports.statuses(),
      }),
      stop: async () => {
        setTimeout(leave, 20)
        return {}
      },
    }
  }

  /** Who is signed in, and where. Fetches an access token, so that a missing sign-in is known before anything listens. */
  async #identity(profile: string): Promise<{ gateway: string; person: string }> {
    const keeper = await this.#logins.need(profile)
    await keeper.authorize('GET', keeper.login.gateway)
    return { gateway: keeper.login.gateway, person: keeper.person?.id ?? '' }
  }

  /** Headers for calls as this person; `isAsked`: by something that the person does, which may verify the identity again. */
  #authorizeAs({ profile, gateway, person }: Omit<KeptPort, 'target'>, isAsked = true): Authorize {
    return async (method, url) => {
      // The profile may have been signed in again since the port was opened: elsewhere, or as somebody else.
      const keeper = await this.#logins.need(profile)
      const isSameGateway = keeper.login.gateway === gateway
      const authorize = isAsked ? keeper.authorize.bind(keeper) : keeper.authorizeAsProven.bind(keeper)
      const headers = isSameGateway ? await authorize(method, url) : {}
      if (isSameGateway && keeper.person?.id === person) return headers
      throw new PamError('NOT_SIGNED_IN', `this port was opened for another sign-in, which has ended`, {
        hint: 'run "pamctl connect" again',
      })
    }
  }

  async #apiOf(port: KeptPort): Promise<ApiClient> {
    const { ca } = (await this.#logins.need(port.profile)).login
    return createApiClient({
      gateway: port.gateway,
      fetch: httpCall(ca),
      authorize: this.#authorizeAs(port, false),
      answers: answerReader(),
    })
  }

  async #openTunnel({ profile, gateway, person, target }: KeptPort): Promise<TunnelChannel> {
    const { ca } = (await this.#logins.need(profile)).login
    const authorize = this.#authorizeAs({ profile, gateway, person })
    if (OWN_TUNNELS)
      return openTunnel(gateway, target, { headers: await authorize('GET', tunnelUrl(gateway, target)), ca })
    const key = JSON.stringify([profile, gateway, person, ca])
    const shared = this.#shared.get(key) ?? new SharedTunnel({ gateway, ca, authorize })
    this.#shared.set(key, shared)
    return shared.open(target)
  }

  /** The login has ended: its connections end. */
  #lost(profile: string, error: PamError): void {
    this.#logger.warn({ profile, code: error.code }, 'login.lost')
    const { code, message, hint = 'sign in again: pamctl login' } = error
    const reason = new PamError(code, message, { hint })
    this.#ports.signedOut(profile, reason)
  }
}

const IDLE_TIMEOUT_MS = 30 * 60_000
const PRIVATE_IDLE_TIMEOUT_MS = 100
const MAX_START_MS = 10_000
/** In per cent; the agent's heap is some 10 MB. */
const HEAP_GROWTH_PERCENT = 300
const SIGNED_OUT = new PamError('NOT_SIGNED_IN', 'you signed out', { hint: 'sign in again: pamctl login' })
/** A WebSocket per connection: for networks that cut long-lived connections, and for measurements. */
const OWN_TUNNELS = variable(process.env, 'PAMCTL_TUNNEL') === 'own'
