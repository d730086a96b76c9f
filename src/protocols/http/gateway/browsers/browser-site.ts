import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { PassThrough, type Duplex } from 'node:stream'
import type { BrowserHost, BrowserRedirect, BrowserService, Visitor } from '../../../../gateway/browser-host.ts'
import { asPamError, PamError } from '../../../../shared/errors.ts'
import { crossSiteRefusal, foreignRefusal, isNavigation } from '../../browser/fetch-metadata.ts'
import { ownHeaders } from '../../browser/pages.ts'
import { problemAnswer } from '../../problem.ts'
import type { Exchange, RequestHead } from '../../server/exchange.ts'
import { exchangeOf, upgradeResponse } from '../../server/http1-exchange.ts'
import { reasonFor } from '../../session/reason-for.ts'
import { valueOf, type Header } from '../../wire/headers.ts'
import { isReserved } from '../async-requests.ts'
import { ParkedExchange } from './parked-exchange.ts'
import { refuseBrowser } from './refuse-browser.ts'
import { openVisit, Visits, type VisitParts } from './visit.ts'
import { whileProving } from './while-proving.ts'
import { ANSWER_COOKIE, WAIT_PATH, WaitRoom, WITHDRAW_PATH } from './wait-room.ts'

/** Requests of browsers at the hosts of targets: who asks is found out first, and nothing of a stranger's reaches a target. */
export class BrowserSite implements BrowserService {
  readonly #parts: VisitParts
  readonly #visits: Visits
  readonly #waitRoom = new WaitRoom()
  /** Connections on which something could not be read: nothing behind it is. */
  readonly #unreadable = new WeakSet<Socket>()

  constructor(parts: VisitParts) {
    this.#parts = parts
    this.#visits = new Visits(parts)
  }

  take(request: IncomingMessage, response: ServerResponse, host: BrowserHost): void {
    const { socket } = request
    if (this.#unreadable.has(socket)) {
      socket.destroy()
      return
    }
    const exchange = exchangeOf(request, response)
    if (exchange instanceof PamError) return this.#refuseUnread(exchange, socket, response)
    if (valueOf(exchange.request.headers, 'expect') !== undefined)
      return this.#refuseUnread(
        new PamError('FEATURE_REFUSED', 'browsers expect nothing of a request beforehand'),
        socket,
        response,
      )
    this.#refusing(this.#serve(exchange, socket, host), exchange, host)
  }

  takeUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, host: BrowserHost): void {
    let response
    try {
      response = upgradeResponse(request, socket, head)
    } catch {
      // Sent ahead of the answer to a request before it, which no browser does.
      socket.destroy()
      return
    }
    response.once('finish', () => closeSoon(socket))
    const exchange = exchangeOf(request, response, socket)
    if (exchange instanceof PamError) return this.#refuseUnread(exchange, request.socket, response)
    this.#refusing(this.#serveUpgrade(exchange, socket, host), exchange, host)
  }

  #refusing(serving: Promise<void>, exchange: Exchange, host: BrowserHost): void {
    serving.catch((error: unknown) => {
      const refusal = asPamError(error)
      host.refused(refusal)
      refuseBrowser(exchange, refusal, host)
    })
  }

  /** A WebSocket, in a visit of its own: its connection serves nothing else. That a script opens one does not keep its person signed in. */
  async #serveUpgrade(exchange: Exchange, socket: Duplex, host: BrowserHost): Promise<void> {
    const { request } = exchange
    const stranger = foreignRefusal(exchange, host.origin)
    if (stranger !== undefined) throw stranger
    if (isReserved(request.target)) throw new PamError('NOT_FOUND', 'there is no such page at this host')
    const cookies = valueOf(request.headers, 'cookie')
    const visitor = await host.visitor(cookies, false)
    visitor.settled()
    const visit = await openVisit(visitor, socket, host, this.#parts)
    await whileProving(visit.serve(exchange), host, cookies)
    visit.leave()
  }

  async #serve(exchange: Exchange, socket: Socket, host: BrowserHost): Promise<void> {
    const { request } = exchange
    if (isReserved(request.target)) return this.#serveOwn(exchange, host)
    const stranger = crossSiteRefusal(request, host.origin)
    if (stranger !== undefined) throw stranger
    const visitor = await this.#visitorOf(request, host)
    if (!('join' in visitor)) return redirect(exchange, visitor)
    visitor.settled()
    if (isNavigation(request)) return this.#servePage(exchange, visitor, host)
    const visit = await this.#visits.of(visitor, socket, host)
    await whileProving(visit.serve(exchange), host, valueOf(request.headers, 'cookie'))
  }

  /** A page that somebody opens, or the answer to one that was held. It is a visit of its own, since it may outlast its connection. */
  async #servePage(exchange: Exchange, visitor: Visitor, host: BrowserHost): Promise<void> {
    const owner = { origin: host.origin, login: visitor.login }
    const awaited = cookieOf(exchange.request, ANSWER_COOKIE)
    if (awaited !== undefined && this.#waitRoom.collect(awaited, owner, exchange)) return
    const parked = new ParkedExchange(exchange)
    const line = new PassThrough()
    const tell = (notice: string): void => {
      const { headers, body } = this.#waitRoom.enter(owner, parked, notice)
      exchange.answer({ status: 202, headers }).end(body)
    }
    const visit = await openVisit(visitor, line, host, this.#parts, tell)
    await whileProving(visit.serve(parked), host, valueOf(exchange.request.headers, 'cookie'))
    visit.leave()
  }

  /** Who asks; for a page that a stranger opens, where they sign in. */
  async #visitorOf(request: RequestHead, host: BrowserHost): Promise<Visitor | BrowserRedirect> {
    const isOpened = isNavigation(request)
    const isReading = request.method === 'GET' || request.method === 'HEAD'
    try {
      // A page that only keeps itself up to date does not keep its person signed in.
      return await host.visitor(valueOf(request.headers, 'cookie'), isOpened || !isReading)
    } catch (error) {
      if (error instanceof PamError && error.code === 'NOT_SIGNED_IN' && isOpened && request.method === 'GET')
        return host.signIn(request.target)
      throw error
    }
  }

  /** The gateway's own paths at the host: nothing of them reaches a target. */
  async #serveOwn(exchange: Exchange, host: BrowserHost): Promise<void> {
    const { request } = exchange
    if (!isNavigation(request)) throw new PamError('CSRF_REFUSED', 'this path is for pages that a person opens')
    const cookies = valueOf(request.headers, 'cookie')
    if (request.method === 'GET' && request.target.startsWith(SIGNED_IN))
      return redirect(exchange, await host.signedIn(request.target, cookies))
    const stranger = crossSiteRefusal(request, host.origin)
    if (stranger !== undefined) throw stranger
    // It waits by itself: that is nothing that its person does.
    const { login } = await host.visitor(cookies, false)
    const owner = { origin: host.origin, login }
    if (request.method === 'GET' && request.target.startsWith(WAIT_PATH)) {
      const next = await this.#waitRoom.poll(request.target.slice(WAIT_PATH.length), owner, exchange)
      if ('to' in next) redirect(exchange, { to: next.to, cookies: [next.cookie] })
      else exchange.answer({ status: 202, headers: next.headers }).end(next.body)
    } else if (request.method === 'POST' && request.target.startsWith(WITHDRAW_PATH)) {
      this.#waitRoom.withdraw(request.target.slice(WITHDRAW_PATH.length), owner)
      throw new PamError('HOLD_WITHDRAWN', 'the request was withdrawn')
    } else throw new PamError('NOT_FOUND', 'there is no such page at this host')
  }

  #refuseUnread(error: PamError, socket: Socket, response: ServerResponse): void {
    this.#unreadable.add(socket)
    const { status, contentType, body } = problemAnswer(reasonFor(error))
    const headers = { ...Object.fromEntries(ownHeaders), 'content-type': contentType, 'content-length': body.length }
    response.writeHead(status, { ...headers, connection: 'close' }).end(body)
  }
}

function redirect(exchange: Exchange, { to, cookies }: BrowserRedirect): void {
  const headers: Header[] = [
    ['location', to],
    ['content-length', '0'],
    ...cookies.map((cookie): Header => ['set-cookie', cookie]),
    ...ownHeaders,
  ]
  exchange.answer({ status: 303, headers }).end()
}

/** Ends a connection after its last answer, also where the other side keeps its end open. */
function closeSoon(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
}

/** The value of a cookie of the gateway's own; with its prefix there is one of a name. */
const cookieOf = ({ headers }: RequestHead, name: string): string | undefined =>
  (valueOf(headers, 'cookie') ?? '')
    .split(';')
    .map((part) => part.trim())
    .find((part) => part.startsWith(`${name}=`))
    ?.slice(name.length + 1)

const LINGER_MS = 2000
/** Where the dashboard sends a browser back to. */
const SIGNED_IN = '/.pamctl/signed-in?'
