import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { appNameOf, appOrigin } from '../api/app-hosts.ts'
import { AppSignIn } from '../api/app-sign-in.ts'
import type { ApiDeps } from '../api/deps.ts'
import { problemText } from '../api/problem.ts'
import { servesBrowsers, type BrowserHost, type BrowserService, type Visitor } from '../gateway/browser-host.ts'
import { openSession } from '../gateway/open-session.ts'
import type { TunnelParts } from '../gateway/tunnel-parts.ts'
import type { OpenedSession } from '../gateway/shared-sessions.ts'
import { refuseUpgrade } from '../gateway/tunnel-listener.ts'
import { breakGlassId, sharingKey } from '../gateway/tunnel.ts'
import type { Login } from '../identity/login.ts'
import { isVisible } from '../policy/decide.ts'
import { asPamError, PamError } from '../shared/errors.ts'

/** Requests of browsers for hosts of targets, which come to the same listener as those of the API. */
export interface AppsListener {
  /** Whether a request is for such a host; then it is served here and nowhere else. */
  take(request: IncomingMessage, response: ServerResponse): boolean
  /** The same for a request for another protocol on its connection. */
  takeUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
}

interface AppsParts {
  readonly deps: ApiDeps
  /** `from` is the address of the caller. */
  readonly tunnelParts: (from: string) => TunnelParts
  /** Milliseconds that a session waits for the next connection of its browser. */
  readonly idle: () => number
}

export function listenForApps({ deps, tunnelParts, idle }: AppsParts): AppsListener {
  const signIn = new AppSignIn(deps)
  return {
    take(request, response) {
      const app = appOf(request)
      if (app === 'none') sendProblem(noApp(), response)
      else app?.browsers.take(request, response, app.host)
      return app !== undefined
    },
    takeUpgrade(request, socket, head) {
      const app = appOf(request)
      if (app === 'none') refuseUpgrade(socket, problemText(noApp()))
      else app?.browsers.takeUpgrade(request, socket, head, app.host)
      return app !== undefined
    },
  }

  /** What serves the host that a request is for; `none` where no target can be there. Whoever is not signed in is not told which targets there are. */
  function appOf(
    request: IncomingMessage,
  ): { readonly browsers: BrowserService; readonly host: BrowserHost } | 'none' | undefined {
    const app = appNameOf(request.headers.host ?? '', deps)
    if (app === undefined || app === 'none') return app
    const { protocols } = tunnelParts(deps.addressOf(request))
    const engine = Array.from(protocols.values(), (protocol) => protocol.engine).find(servesBrowsers)
    return engine === undefined ? 'none' : { browsers: engine.browsers, host: hostOf(app.name, request) }
  }

  function hostOf(target: string, request: IncomingMessage): BrowserHost {
    const { socket } = request
    const parts = tunnelParts(deps.addressOf(request))
    const { from } = parts
    return {
      target,
      origin: appOrigin(target, deps),
      dashboard: deps.publicUrl(),
      async visitor(cookies, isUse): Promise<Visitor> {
        const login = await signIn.visitor(target, cookies, { isUse, from })
        return {
          login: login.id,
          key: sharingKey(
            login,
            undefined,
            parts.settings().policy,
            await breakGlassId(login, { name: target }, parts),
          ),
          join: () => join(login, target, parts),
          settled: () => deps.connections.settled(socket),
        }
      },
      signIn: (path) => signIn.begin(target, path),
      signedIn: (url, cookies) => signIn.finish(target, url, cookies),
      refused(error) {
        const { code, id, cause } = error
        deps.refusals.note(code)
        if (code === 'INTERNAL') deps.logger.error({ id, cause }, 'app.failed')
        else deps.logger.info({ code, target }, 'app.refused')
      },
    }
  }

  /** The session of this person with the target, for one connection of their browser. */
  async function join(login: Login, name: string, parts: TunnelParts): Promise<OpenedSession> {
    const { policy, targets } = parts.settings()
    const { person } = login
    try {
      const target = targets.find((one) => one.name === name)
      const protocol = target && parts.protocols.get(target.type)
      if (
        target === undefined ||
        protocol === undefined ||
        !servesBrowsers(protocol.engine) ||
        !isVisible(policy, person, target)
      )
        throw new PamError('TARGET_UNKNOWN', `no app named "${name}" is visible to you`)
      const open = (): Promise<OpenedSession> => openSession({ login, target, protocol, account: undefined }, parts)
      return await parts.sharedSessions.join(
        target,
        sharingKey(login, undefined, policy, await breakGlassId(login, target, parts)),
        open,
        idle(),
      )
    } catch (error) {
      const refusal = asPamError(error)
      await parts.state.accessRefused(person, name, refusal, parts.clock.now()).catch(() => {})
      throw refusal
    }
  }
}

const noApp = (): PamError => new PamError('NOT_FOUND', 'there is no app at this host')

function sendProblem(error: PamError, response: ServerResponse): void {
  const { status, body } = problemText(error)
  response.writeHead(status, {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    connection: 'close',
  })
  response.end(body)
}
