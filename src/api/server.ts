import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer, type ServerOptions as HttpsServerOptions } from 'node:https'
import type { Socket } from 'node:net'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { jsonSchemaTransform, serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import type { Login } from '../identity/login.ts'
import { describeIssue } from '../shared/describe-issue.ts'
import type { ErrorCode } from '../shared/error-codes.ts'
import { asPamError, internalError, UsageError, type PamError } from '../shared/errors.ts'
import { repeatedField } from '../shared/repeated-field.ts'
import { VERSION } from '../shared/version.ts'
import { appendAudit } from '../storage/audit.ts'
import { authenticate } from './authenticate.ts'
import type { ApiDeps } from './deps.ts'
import { acceptJson } from './json-body.ts'
import { groupOf } from './pending-connections.ts'
import { problemResponse, sendProblem } from './problem.ts'
import { provenLogin } from './proven-login.ts'
import { appRoutes } from './routes/apps.ts'
import { grantRoutes } from './routes/grants.ts'
import { identityRoutes } from './routes/identity.ts'
import { authorizationServerRoutes } from './routes/authorization-server.ts'
import { deviceRoutes } from './routes/device.ts'
import { auditRoutes } from './routes/audit.ts'
import { eventRoutes } from './routes/events.ts'
import { breakGlassRoutes } from './routes/break-glass.ts'
import { lockRoutes } from './routes/locks.ts'
import { notificationRoutes } from './routes/notifications.ts'
import { numberRoutes } from './routes/numbers.ts'
import { passkeyRoutes } from './routes/passkeys.ts'
import { policyRoutes } from './routes/policy.ts'
import { recordingRoutes } from './routes/recordings.ts'
import { providerLogoutRoutes } from './routes/provider-logout.ts'
import { requestRoutes } from './routes/requests.ts'
import { reviewRoutes } from './routes/reviews.ts'
import { samlRoutes } from './routes/saml.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { scimRoutes } from './routes/scim.ts'
import { signInRoutes } from './routes/sign-in.ts'
import { securityHeaders, serveWebApp } from './web-app.ts'
import { authenticateBrowser, hasSessionCookie, isSecure, type Browser } from './web-sessions.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Needs no sign-in. Every other route does. */
    public?: boolean
  }
  interface FastifyRequest {
    /** Who makes the call; set before any route that is not public runs. */
    login(): Login
    /** The same, for what also runs where nobody is signed in. */
    caller?: Login
    /** Where the call comes from a browser that is signed in. */
    browser?: Browser
  }
}

/**
 * The HTTP API. Every route asks for a sign-in unless it is marked public. `takeElsewhere` is given each request first: those that it takes are for another
 * host of the same listener, and no route sees them.
 */
export async function createApi(
  deps: ApiDeps,
  tls: { cert: Buffer; key: Buffer } | undefined,
  takeElsewhere: (request: IncomingMessage, response: ServerResponse) => boolean = () => false,
): Promise<FastifyInstance> {
  const app = Fastify({
    serverFactory: (serve: RequestListener) =>
      createListener(deps, tls, (request, response) => {
        const repeated = repeatedField(request.rawHeaders)
        if (repeated !== undefined) return refuseRepeated(repeated, request, deps)
        if (!takeElsewhere(request, response)) serve(request, response)
      }),
    bodyLimit: 65_536,
    routerOptions: { maxParamLength: 64 },
    // A path that no route can have never reaches a route, or its error handler.
    frameworkErrors: (error: Error, _request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(error, reply, deps.logger),
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => {
      // A handshake that failed leaves nothing to answer on.
      if (!/^(HPE_|ERR_HTTP_)/.test(error.code ?? '') || !socket.writable) socket.destroy()
      else socket.end(problemResponse(error, deps.logger), () => socket.destroy())
    },
  } as object as { bodyLimit: number }).withTypeProvider<ZodTypeProvider>()
  limitConnections(app.server, deps)
  app.setValidatorCompiler<z.ZodType>(({ schema }) => (data) => {
    const { data: value, error } = schema.safeParse(data, { error: describeIssue })
    if (error === undefined) return { value }
    return {
      error: new UsageError(
        error.issues
          .map(({ path, message }) => `${path.length === 0 ? 'the request' : path.join('.')}: ${message}`)
          .join('; '),
      ),
    }
  })
  app.setSerializerCompiler(serializerCompiler)
  acceptJson(app)
  app.setErrorHandler(async (error, request, reply) => {
    await auditRefusal(asPamError(error), request, deps)
    return sendProblem(error, reply, deps.logger)
  })
  // Before the limit, which counts by it.
  app.addHook('onRequest', async (request) => {
    Object.defineProperty(request, 'ip', { value: deps.addressOf(request.raw) })
  })
  await app.register(rateLimit, { max: 6000, timeWindow: 60_000, keyGenerator: ({ ip }) => groupOf(ip) })
  await app.register(swagger, {
    openapi: { info: { title: 'pam-gateway', version: VERSION } },
    transform: jsonSchemaTransform,
  })
  app.decorateRequest('login', function () {
    throw internalError(new Error('request.login() called before authentication'))
  })
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('cache-control', 'no-store').headers(securityHeaders(tls !== undefined || isSecure(deps)))
    // RFC 9112, section 3.2; Node.js would answer by itself, and not as a problem.
    if (request.raw.httpVersion === '1.1' && request.raw.headers.host === undefined)
      throw new UsageError('the request has no Host header')
    if (request.routeOptions.config.public === true || request.is404) return
    const login = await whoCalls(request, deps)
    deps.connections.settled(request.raw.socket)
    request.login = () => login
    request.caller = login
  })
  // A body may come as slowly as its caller likes: who that is, and what they may do, is looked at once more when it is there.
  app.addHook('preHandler', async (request) => {
    if (request.caller === undefined || (request.body ?? undefined) === undefined) return
    const login = await provenLogin(deps.db.read, request.caller.id, deps.clock.now())
    request.login = () => login
    request.caller = login
  })
  app.get('/healthz', { config: { public: true } }, async () => ({ status: 'ok' }))
  // The cause is for the administrator: listen.operations says more.
  app.get('/readyz', { config: { public: true } }, async (_request, reply) => {
    const { ok } = deps.evidence.spool.health
    return reply.code(ok ? 200 : 503).send({ status: ok ? 'ready' : 'not ready' })
  })
  app.get('/.well-known/jwks.json', { config: { public: true }, schema: { hide: true } }, async (_request, reply) =>
    reply.header('cache-control', 'public, max-age=300').send({ keys: deps.assertionKeys }),
  )
  app.get('/openapi.json', { config: { public: true }, schema: { hide: true } }, async () => app.swagger())
  for (const routes of ROUTES) await app.register(routes, deps)
  serveWebApp(app, deps.webDirectory, (reply) => sendProblem({ statusCode: 404 }, reply, deps.logger))
  await app.ready()
  return app
}

/** The hosts of targets are told apart by such fields, too: nobody gets the request. */
function refuseRepeated(name: string, { socket }: IncomingMessage, { logger }: Pick<ApiDeps, 'logger'>): void {
  socket.end(problemResponse(new UsageError(`the request has more than one ${name} field`), logger), () =>
    socket.destroy(),
  )
}

function createListener(
  deps: Pick<ApiDeps, 'settings'>,
  tls: { cert: Buffer; key: Buffer } | undefined,
  serve: RequestListener,
): Server {
  const options = { ...serverOptions(deps), keepAliveTimeout: KEEP_ALIVE_MS }
  return tls === undefined
    ? createServer(options, serve)
    : createHttpsServer({ ...tls, ...options, minVersion: 'TLSv1.2' }, serve)
}

/** Deadlines for what comes before a request; Node.js looks every `connectionsCheckingInterval` whether one has passed. */
function serverOptions({ settings }: Pick<ApiDeps, 'settings'>): HttpsServerOptions {
  const { handshake } = settings()
  return {
    handshakeTimeout: handshake,
    headersTimeout: Math.min(handshake, REQUEST_TIMEOUT_MS),
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: Math.max(250, Math.min(2000, handshake / 4)),
    requireHostHeader: false,
  }
}

function limitConnections(server: Server, { connections, logger }: Pick<ApiDeps, 'connections' | 'logger'>): void {
  server.on('connection', (socket: Socket) => connections.admit(socket))
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    response.shouldKeepAlive = false
    const error = Object.assign(new UsageError('this expectation is not supported'), { statusCode: 417 })
    const { socket } = response
    socket?.end(problemResponse(error, logger), () => socket.destroy())
  })
  // Each request of a pipeline is answered into memory until the one before it has been read.
  const unanswered = new WeakMap<Socket, number>()
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const count = (unanswered.get(socket) ?? 0) + 1
    unanswered.set(socket, count)
    response.once('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1))
    if (count > MAX_PIPELINED && connections.isPending(socket)) socket.destroy()
  })
}

/** A token and its proof, or a browser's cookie; where there is a token, the cookie counts for nothing. */
async function whoCalls(request: FastifyRequest, deps: ApiDeps): Promise<Login> {
  const { method, url, headers, ip } = request
  if (headers.authorization !== undefined || !hasSessionCookie(headers, deps))
    return authenticate({ method, url, headers }, deps)
  try {
    const { login, browser } = await authenticateBrowser({ method, headers, from: ip }, deps)
    request.browser = browser
    return login
  } catch (error) {
    deps.refusals.note(asPamError(error).code)
    throw error
  }
}

/** Somebody who is known tried what is not theirs to do. */
async function auditRefusal(
  { code }: PamError,
  { caller, ip, method, url }: FastifyRequest,
  deps: ApiDeps,
): Promise<void> {
  if (caller === undefined || !REFUSALS.has(code)) return
  const entry = {
    type: 'access.refused' as const,
    actor: caller.person.id,
    subject: (url.split('?')[0] ?? '').slice(0, 200),
    data: { code, method, from: ip },
  }
  await deps.db
    .change((tx) => appendAudit(tx, deps.clock.now(), entry))
    .catch((error: unknown) => deps.logger.error({ cause: error }, 'refusal.audit_failed'))
}

const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'NOT_ALLOWED',
  'NO_ACCESS',
  'LOCKED',
  'SELF_APPROVAL',
  'SERVICE_APPROVAL',
  'SIGN_IN_TOO_OLD',
  'PASSKEY_NEEDED',
  'PASSKEY_MISSING',
])

const REQUEST_TIMEOUT_MS = 60_000
/** Longer than proxies in front keep theirs, which would otherwise send a request on a connection that ends. */
const KEEP_ALIVE_MS = 72_000
/** Requests without an answer, of a caller who is not known. */
const MAX_PIPELINED = 10

const ROUTES = [
  identityRoutes,
  signInRoutes,
  samlRoutes,
  authorizationServerRoutes,
  deviceRoutes,
  appRoutes,
  requestRoutes,
  reviewRoutes,
  passkeyRoutes,
  grantRoutes,
  lockRoutes,
  breakGlassRoutes,
  sessionRoutes,
  recordingRoutes,
  auditRoutes,
  policyRoutes,
  eventRoutes,
  notificationRoutes,
  numberRoutes,
  scimRoutes,
  providerLogoutRoutes,
]
