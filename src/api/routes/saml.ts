import { createHash, randomBytes } from 'node:crypto'
import type { FastifyReply } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { directoryClaimOf, identityOf } from '../../identity/saml/identity.ts'
import { acceptLogoutRequest, logoutAnswerUrl } from '../../identity/saml/logout.ts'
import { isOwnRequestId, REQUEST_TIME_MS } from '../../identity/saml/request-id.ts'
import {
  acceptSamlResponse,
  ownMetadata,
  type SamlAnswer,
  type SamlClient,
} from '../../identity/saml/service-provider.ts'
import { asPamError, PamError } from '../../shared/errors.ts'
import type { Tx } from '../../storage/database.ts'
import { signedOutEverywhereAt } from '../../storage/logins.ts'
import { isBeforeSamlLogout, isUsed, useOnce } from '../../storage/saml.ts'
import { findDeviceCode } from '../../storage/device-codes.ts'
import { saveSamlSession, takeSamlSession, waitingSamlSession, type SamlSession } from '../../storage/saml-sessions.ts'
import type { ApiDeps } from '../deps.ts'
import { askForConfirmation, tooLate } from '../device/confirmation.ts'
import { confirmPage } from '../device/pages.ts'
import { endSignedOutAtProvider } from '../end-saml-sessions.ts'
import { enter, signInNotStarted, sendPage, signInProblem } from '../entering.ts'
import { acceptForms } from '../form-body.ts'
import { signedOutPage } from '../pages.ts'
import { forgetPending, pendingOf, type PendingBrowserSignIn } from '../pending-sign-in.ts'
import { samlClientNamed } from '../saml-identity.ts'
import { openSamlWebSession } from '../web-sessions.ts'
import type { App } from './app.ts'

/** What a provider of SAML and the browsers that it sends back have to do with the gateway (SAML Profiles, sections 4.1 and 4.4). */
export const samlRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  acceptForms(app)
  metadataRoute(app, deps)
  assertionConsumerRoute(app, deps)
  finishRoute(app, deps)
  logoutRoute(app, deps)
}

const params = z.object({ name: z.string().max(40) })
/** Beyond the messages' own limits: base64 in a form, in which some characters are three. */
const BODY_LIMIT = 1_048_576

function metadataRoute(app: App, deps: ApiDeps): void {
  app.get(
    '/auth/saml/:name/metadata',
    { schema: { params, hide: true }, config: { public: true, rateLimit: RATE_LIMIT } },
    async (request, reply) =>
      reply.type('application/samlmetadata+xml').send(await ownMetadata(samlClientNamed(request.params.name, deps))),
  )
}

/**
 * The provider's form. It comes from another site, so the browser's cookie stays away: what the form says is verified and kept, and the browser is sent
 * on to where its cookie comes along, and shows that it is the one that began.
 */
function assertionConsumerRoute(app: App, deps: ApiDeps): void {
  const body = z.object({ SAMLResponse: z.string(), RelayState: z.string().optional() })
  app.post(
    '/auth/saml/:name/acs',
    { schema: { params, body, hide: true }, config: { public: true, rateLimit: RATE_LIMIT }, bodyLimit: BODY_LIMIT },
    async (request, reply) => {
      try {
        const client = samlClientNamed(request.params.name, deps)
        const handle = await keepAnswer(client, request.body.SAMLResponse, deps)
        return await reply.redirect(`/auth/saml/${client.issuer.name}/finish?handle=${handle}`, 303)
      } catch (error) {
        deps.refusals.note(asPamError(error).code)
        return signInProblem(reply, error, deps)
      }
    },
  )
}

/** Verifies an answer, uses it up, and keeps who it says has signed in. Returns what the browser takes that with, once. */
async function keepAnswer(client: SamlClient, encoded: string, deps: ApiDeps): Promise<string> {
  const { db, webKey } = deps
  const now = deps.clock.now()
  const provider = client.issuer.entityId
  const answer = await acceptSamlResponse(client, encoded, {
    now,
    findRequest: async (id) =>
      isOwnRequestId(id, webKey, provider, now) && !(await isUsed(db.read, { kind: 'request', provider, id })),
  })
  const { id, ...person } = identityOf(client.issuer, answer.assertion, now)
  const handle = randomBytes(32).toString('base64url')
  const problem = await db.change(async (tx) => {
    for (const once of usesOf(answer, client, now))
      if (!(await useOnce(tx, once, now))) return 'this answer of the identity provider was used before'
    if (await isFromBeforeSignOut(tx, id, provider, answer.assertion))
      return 'this answer of the identity provider was issued before you signed out'
    await saveSamlSession(
      tx,
      {
        id: randomBytes(32).toString('base64url'),
        provider,
        nameId: answer.assertion.nameId,
        sessionIndex: answer.assertion.sessionIndex,
        requestId: answer.requestId,
        person: { id, ...person },
        directory: client.provisioning && directoryClaimOf(client.provisioning, answer.assertion),
        createdAt: now,
        endsAt: person.endsAt,
        endedAt: undefined,
        loginId: undefined,
      },
      digestOf(handle),
    )
    return undefined
  })
  if (problem === undefined) return handle
  throw new PamError('TOKEN_USED', problem, { hint: 'start the sign-in again' })
}

/** An answer may be held back, and come after the sign-out that it is from before: here, everywhere, or at the provider. */
async function isFromBeforeSignOut(
  tx: Tx,
  personId: string,
  provider: string,
  { nameId, sessionIndex, issuedAt }: SamlAnswer['assertion'],
): Promise<boolean> {
  const signedOutAt = await signedOutEverywhereAt(tx, personId)
  return (
    (signedOutAt !== undefined && issuedAt < signedOutAt) ||
    (await isBeforeSamlLogout(tx, { provider, nameId, sessionIndex, issuedAt }))
  )
}

function usesOf({ assertion, requestId }: SamlAnswer, { issuer }: SamlClient, now: number) {
  const provider = issuer.entityId
  const expiresAt = assertion.notOnOrAfter + issuer.clockTolerance
  return [
    { kind: 'assertion' as const, provider, id: assertion.id, expiresAt },
    ...(requestId === undefined
      ? []
      : [{ kind: 'request' as const, provider, id: requestId, expiresAt: now + REQUEST_TIME_MS }]),
  ]
}

function finishRoute(app: App, deps: ApiDeps): void {
  const querystring = z.object({ handle: z.string().max(64) })
  app.get(
    '/auth/saml/:name/finish',
    { schema: { params, querystring, hide: true }, config: { public: true, rateLimit: RATE_LIMIT } },
    async (request, reply) => {
      let state: string | undefined
      try {
        const { issuer } = samlClientNamed(request.params.name, deps)
        const handle = digestOf(request.query.handle)
        const session = await waitingSamlSession(deps.db.read, handle, deps.clock.now() - HANDLE_TIME_MS)
        if (session === undefined || session.provider !== issuer.entityId) throw signInNotStarted()
        state = session.requestId
        const kept = state === undefined ? undefined : pendingOf(state, request.headers.cookie, deps)
        if (state !== undefined && kept?.provider !== issuer.name) throw signInNotStarted()
        if (!(await deps.db.change((tx) => takeSamlSession(tx, handle)))) throw signInNotStarted()
        if (kept?.device !== undefined) return await confirmDevice(reply, session, kept, kept.device, deps)
        const { secret } = await openSamlWebSession(session, request.ip, deps, issuer.name)
        const cookie = await enter(request, secret, deps)
        const forget = state === undefined ? [] : [forgetPending(state, deps)]
        return await reply.header('set-cookie', [cookie, ...forget]).redirect(kept?.to ?? '/', 303)
      } catch (error) {
        deps.refusals.note(asPamError(error).code)
        if (state !== undefined) void reply.header('set-cookie', forgetPending(state, deps))
        return signInProblem(reply, error, deps)
      }
    },
  )
}

/** For a command line: the browser itself is not signed in, and whoever sits there is asked first. */
async function confirmDevice(
  reply: FastifyReply,
  session: SamlSession,
  { state, provider }: PendingBrowserSignIn,
  { id, userCode }: NonNullable<PendingBrowserSignIn['device']>,
  deps: ApiDeps,
): Promise<FastifyReply> {
  const now = deps.clock.now()
  const code = await findDeviceCode(deps.db.read, id)
  if (code?.state !== 'pending' || code.expiresAt <= now || code.provider !== session.provider) throw tooLate()
  const { cookie, csrf } = askForConfirmation(code, session, deps)
  void reply.header('set-cookie', [cookie, forgetPending(state, deps)])
  const { label } = session.person
  return sendPage(reply, confirmPage(code, { userCode, label, provider, id, csrf, now }))
}

/** Single logout that the provider begins: in the browser, or from server to server. */
function logoutRoute(app: App, deps: ApiDeps): void {
  const body = z.object({ SAMLRequest: z.string(), RelayState: z.string().max(80).optional() })
  app.post(
    '/auth/saml/:name/slo',
    { schema: { params, body, hide: true }, config: { public: true, rateLimit: RATE_LIMIT }, bodyLimit: BODY_LIMIT },
    async (request, reply) => {
      try {
        const client = samlClientNamed(request.params.name, deps)
        const { SAMLRequest, RelayState = '' } = request.body
        const now = deps.clock.now()
        const logout = await acceptLogoutRequest(client, SAMLRequest, now)
        await endSignedOutAtProvider(client, logout, request.ip, deps)
        const url = await logoutAnswerUrl(client, logout, { relayState: RelayState, now })
        return url === undefined ? await sendPage(reply, signedOutPage()) : await reply.redirect(url, 303)
      } catch (error) {
        deps.refusals.note(asPamError(error).code)
        return signInProblem(reply, error, deps)
      }
    },
  )
}

const digestOf = (handle: string): string => createHash('sha256').update(`saml handle ${handle}`).digest('base64url')

/** Milliseconds between the provider's form and the browser that follows. */
const HANDLE_TIME_MS = 60_000
const RATE_LIMIT = { max: 300, timeWindow: 60_000 }
