import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { PamError } from '../shared/errors.ts'
import type { Engine } from './engine.ts'
import type { OpenedSession } from './shared-sessions.ts'
import type { TargetConfig } from './target.ts'

/** What an engine needs of the gateway to serve browsers at a host of a target. It says who somebody is; the engine reads the requests. */
export interface BrowserHost {
  /** Of the target. */
  readonly target: string
  /** As browsers know the host: `https://grafana.apps.example.com`. */
  readonly origin: string
  /** Of the dashboard. */
  readonly dashboard: string
  /**
   * Who sends these cookies. `isUse`: the person does something, so that their sign-in stays. Throws NOT_SIGNED_IN where nobody is signed in, and what
   * else is wrong.
   */
  visitor(cookies: string | undefined, isUse: boolean): Promise<Visitor>
  /** Where a browser signs in, to come back to this path, and the cookie that it needs then. */
  signIn(path: string): BrowserRedirect
  /** Takes a browser that comes back from there. Throws where it did not begin here, or too long ago. */
  signedIn(url: string, cookies: string | undefined): Promise<BrowserRedirect>
  /** Hears why a request was refused before it came to a session. */
  refused(error: PamError): void
}

/** Somebody who is signed in at a target's host. */
export interface Visitor {
  /** Of their sign-in. */
  readonly login: string
  /** The same for all requests that share a session. */
  readonly key: string
  /** Joins the session of this person with the target, or opens it. */
  join(): Promise<OpenedSession>
  /** Their address has been told of, and is not limited as a stranger's is. */
  settled(): void
}

export interface BrowserRedirect {
  /** A URL of the dashboard, or a path of the host. */
  readonly to: string
  /** Values of `Set-Cookie`. */
  readonly cookies: readonly string[]
}

/** For protocols that browsers speak as well: takes requests that have come to the gateway's own listener for a host of a target. */
export interface BrowserService {
  take(request: IncomingMessage, response: ServerResponse, host: BrowserHost): void
  /** The same for a request for another protocol (Node's event `upgrade`); `head` is what was sent behind it. */
  takeUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, host: BrowserHost): void
}

export interface BrowserEngine<Hello = unknown, C extends TargetConfig = TargetConfig> extends Engine<Hello, C> {
  readonly browsers: BrowserService
}

export const servesBrowsers = (engine: Engine): engine is BrowserEngine => 'browsers' in engine
