import { userInfo } from 'node:os'
import type { ApiClient } from '../gateway-client/api-client.ts'
import type { ListenerInfo } from '../protocols/client-half.ts'
import { localHalves } from '../protocols/local.ts'
import { isProtocolName, type ProtocolName } from '../protocols/names.ts'
import type { Channel } from '../shared/channel.ts'
import type { ErrorCode } from '../shared/error-codes.ts'
import { fromErrorBody, PamError } from '../shared/errors.ts'
import type { Logger } from '../shared/logger.ts'
import type { TunnelChannel, TunnelFrame } from '../tunnel/web-socket-channel.ts'
import type { AgentEvent, ControlMethods, ListenerStatus } from './control-messages.ts'
import type { ControlPeer } from './control-socket.ts'
import { forward } from './forward.ts'
import { holdEventOf } from './hold-event.ts'
import { KeptPorts, type KeptPort } from './kept-ports.ts'
import { listenLocally, type LocalListener } from './local-listener.ts'

export interface LocalPortsParts {
  /** The directory for Unix sockets. */
  readonly runtime: string
  readonly logger: Pick<Logger, 'info' | 'warn'>
  /** Who is signed in, and where. Rejects where nobody is, so that this is known before anything listens. */
  identity(profile: string): Promise<{ readonly gateway: string; readonly person: string }>
  openTunnel(port: KeptPort): Promise<TunnelChannel>
  /** The gateway's API, as the person that a port is for, for what nobody has asked for. */
  apiOf(port: KeptPort): Promise<Pick<ApiClient, 'targets' | 'grants' | 'events'>>
  /** Whether these calls can be made: they do not verify the identity again. */
  isProven(profile: string): boolean
  /** A client has connected to a port of the profile. */
  connected(profile: string): void
  /** No port of the profile has connections any more. */
  unused(profile: string): void
  /** Connections have ended, or ports were closed. */
  changed(): void
}

/** What a port leads to, and for whom. */
interface Place {
  /** Among those that are open. */
  readonly key: string
  readonly gateway: string
  readonly person: string
  readonly target: string
  readonly protocol: ProtocolName
  readonly sharing: Sharing
  readonly profile: string
}

interface ServedPlace extends Place {
  /** Commands that are told of it. */
  readonly peers: Set<ControlPeer>
  /** Whether some connection has been open. */
  wasOpen: boolean
  readonly connections: Set<Connection>
}

interface OpenListener extends ServedPlace {
  readonly listener: LocalListener
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

/** The local ports that are open, by gateway, person and target, and their connections. */
export class LocalPorts {
  readonly #parts: LocalPortsParts
  readonly #listeners = new Map<string, OpenListener>()
  readonly #opening = new Map<string, Promise<LocalListener>>()
  /** Closed listeners that still have connections. */
  readonly #closing = new Set<Promise<void>>()
  readonly #kept: KeptPorts
  #stopped: PamError | undefined

  constructor(parts: LocalPortsParts) {
    this.#parts = parts
    this.#kept = new KeptPorts({
      apiOf: (port) => parts.apiOf(port),
      isProven: (profile) => parts.isProven(profile),
      ended: (port, reason) => void this.#closeKept((open) => isSamePort(open, port), reason),
    })
  }

  /** Some have connections, or stay open beyond the command that opened them. */
  get areInUse(): boolean {
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

  /** Ports of the protocol that every program of the person may use. */
  shared(of: { readonly gateway: string; readonly person: string; readonly protocol: string }) {
    return [...this.#listeners.values()]
      .filter((open) => open.gateway === of.gateway && open.person === of.person)
      .filter((open) => open.protocol === of.protocol && open.sharing === 'shared')
      .map(({ target, listener }) => ({ target, listener: listener.info }))
  }

  statuses(): ListenerStatus[] {
    return [...this.#listeners.values()].map((open) => this.#statusOf(open))
  }

  /** Whether there was any. */
  closeKept({ profile, target }: Pick<KeptPort, 'profile' | 'target'>, reason: PamError): boolean {
    return this.#closeKept((open) => open.profile === profile && open.target === target, reason)
  }

  #statusOf({ gateway, person, target, profile, listener, connections, sharing }: OpenListener): ListenerStatus {
    const status = { gateway, person, target, port: listener.info.port, tunnels: connections.size }
    if (sharing !== 'kept') return status
    const endsAt = this.#kept.endOf({ profile, gateway, person, target })
    return { ...status, kept: endsAt === undefined ? {} : { until: new Date(endsAt).toISOString() } }
  }

  /** A port for as long as `peer` is connected. */
  async listen(params: ControlMethods['listen']['params'], peer: ControlPeer): Promise<ListenerInfo> {
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
      this.#parts.changed()
    })
    return mine.listener.info
  }

  /** A port that stays open until the access to its target ends, or `closeKept`. */
  async keep(params: ControlMethods['keep-port']['params']): Promise<ControlMethods['keep-port']['result']> {
    const { profile, target } = params
    const { gateway, person } = await this.#parts.identity(profile)
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

  #closeKept(isMeant: (open: OpenListener) => boolean, reason: PamError): boolean {
    const meant = [...this.#listeners.values()].filter((open) => open.sharing === 'kept' && isMeant(open))
    for (const open of meant) {
      this.#parts.logger.info({ target: open.target, code: reason.code }, 'port.closed')
      this.#close(open, reason)
    }
    if (meant.length > 0) this.#parts.changed()
    return meant.length > 0
  }

  async #openListener(params: ControlMethods['keep-port']['params'], sharing: Sharing): Promise<OpenListener> {
    const { profile, target, port, protocol } = params
    if (!isProtocolName(protocol))
      throw new PamError('FEATURE_REFUSED', `this pamctl does not know targets of type ${protocol}`, {
        hint: 'update pamctl',
      })
    const { gateway, person } = await this.#parts.identity(profile)
    const keyOf = (number: number): string =>
      JSON.stringify([gateway, person, target, sharing, sharing === 'kept' ? profile : number])
    // Freed numbers are used again, and with them the same ports.
    let number = 0
    if (sharing === 'own') while (this.#opening.has(keyOf(number)) || this.#listeners.has(keyOf(number))) number++
    const key = keyOf(number)
    // Several programs may ask at once: all but the first wait for the listener that is being opened.
    while (this.#opening.has(key)) await this.#opening.get(key)?.catch(() => {})
    const open = this.#listeners.get(key)
    if (open === undefined)
      return this.#listen({ key, gateway, person, target, protocol, sharing, profile }, { number, port })
    if (port !== undefined && port !== open.listener.info.port) {
      throw new PamError('PORT_TAKEN', `${target} is being served on port ${open.listener.info.port} already`, {
        hint: 'leave --port out',
      })
    }
    return open
  }

  /** `number`: of the listeners that one person has for themselves to this target; `port`: the one that was asked for. */
  async #listen(
    place: Place,
    { number, port }: { readonly number: number; readonly port: number | undefined },
  ): Promise<OpenListener> {
    const { key, gateway, person, target, protocol, sharing } = place
    const served: ServedPlace = { ...place, peers: new Set(), connections: new Set(), wasOpen: false }
    const opening = listenLocally({
      name: `${gateway} ${person} ${target}${sharing === 'own' ? ` client ${number}` : ''}`,
      port,
      protocol: localHalves[protocol],
      private: sharing === 'private',
      runtime: this.#parts.runtime,
      uid: userInfo().uid,
      turnedAway: (reason) => {
        this.#parts.logger.warn({ target, reason }, 'connection.turned_away')
        tellPeers(served, { message: `turned away ${reason}` })
      },
      accept: (client, announcement) => this.#serve(client, announcement, served),
    })
    this.#opening.set(key, opening)
    try {
      const open = Object.assign(served, { listener: await opening })
      this.#listeners.set(key, open)
      return open
    } finally {
      // Only now: those who wait look among the listeners next.
      this.#opening.delete(key)
    }
  }

  #serve(client: Channel, announcement: Buffer | undefined, served: ServedPlace): void {
    const { profile, gateway, person, target, protocol, peers, connections } = served
    const look = (code: string | undefined): void => {
      if (ENDS_ACCESS.has(code)) this.#kept.look({ profile, gateway, person, target })
    }
    const connection: Connection = { end: (reason) => end(reason) }
    let isLate = served.wasOpen
    const end = forward(client, {
      protocol: localHalves[protocol],
      announcement,
      open: () => this.#parts.openTunnel({ profile, gateway, person, target }),
      tell: (frame) => {
        const hold = holdEventOf(frame, target)
        if (hold !== undefined) for (const listening of peers) listening.sendHold(hold)
        tellFrame(frame, (message, kind, code) => tellPeers(served, { message, kind, code, late: isLate }))
        if (frame.type === 'opened') {
          served.wasOpen = true
          isLate = false
        }
        if (frame.type === 'ended') look(frame.code)
      },
      failed: (error, isTold) => {
        look(error.code)
        this.#parts.logger.warn({ target, code: error.code }, 'tunnel.failed')
        tellPeers(served, {
          message: inOneLine(error),
          kind: isTold ? 'told' : 'untold',
          code: error.code,
          late: isLate,
        })
      },
      closed: () => {
        connections.delete(connection)
        if (!this.#isUsed(profile)) this.#parts.unused(profile)
        this.#parts.changed()
      },
    })
    connections.add(connection)
    if (this.#stopped !== undefined) return connection.end(this.#stopped)
    this.#parts.connected(profile)
  }

  #isUsed(profile: string): boolean {
    return [...this.#listeners.values()].some((open) => open.profile === profile && open.connections.size > 0)
  }

  /** Tells the commands whose ports are open for this profile. */
  notify(profile: string, message: string): void {
    for (const { profile: of, target, peers } of this.#listeners.values())
      if (of === profile) for (const peer of peers) peer.send({ target, message, kind: 'ahead' })
  }

  /** The identity behind the profile has been verified. */
  proven(profile: string): void {
    this.#kept.proven(profile)
  }

  /** The login has ended: its connections end, and its kept ports close. */
  signedOut(profile: string, reason: PamError): void {
    this.#closeTunnels(profile, reason)
    this.#closeKept((open) => open.profile === profile, reason)
  }

  #closeTunnels(profile: string, reason: PamError): void {
    for (const open of this.#listeners.values()) {
      if (open.profile !== profile) continue
      const { connections } = open
      tellPeers(open, { message: `${reason.message}; ${reason.hint}`, code: reason.code })
      // The gateway ends its side with a native error; the rest is closed here.
      setTimeout(() => {
        for (const connection of connections) connection.end(reason)
      }, 1000)
    }
  }
}

const isSamePort = (open: OpenListener, { profile, gateway, person, target }: KeptPort): boolean =>
  open.profile === profile && open.gateway === gateway && open.person === person && open.target === target

interface Told {
  readonly message: string
  readonly kind?: AgentEvent['kind']
  readonly code?: ErrorCode | undefined
  readonly late?: boolean
}

/** Tells the commands of a port. */
function tellPeers({ target, peers }: ServedPlace, { message, kind = 'told', code, late = false }: Told): void {
  const more = { ...(late && kind === 'told' ? { late } : {}), ...(code === undefined ? {} : { code }) }
  for (const peer of peers) peer.send({ target, message, kind, ...more })
}

/** What a frame of the gateway says, if it is for people. */
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

const MAX_STOP_MS = 2000
/** What a connection ends with, or is refused with, where nothing more may come. */
const ENDS_ACCESS: ReadonlySet<string | undefined> = new Set([
  'GRANT_OVER',
  'GRANT_REVOKED',
  'LOCKED',
  'NO_GRANT',
  'NO_ACCESS',
  'TARGET_UNKNOWN',
])
