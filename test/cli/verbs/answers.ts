import { z } from 'zod'
import {
  grantSchema,
  grantsSchema,
  requestSchema,
  requestsSchema,
  targetsSchema,
} from '../../../src/api/schemas/access.ts'
import { breakGlassListSchema, breakGlassSchema } from '../../../src/api/schemas/break-glass.ts'
import { discoverySchema, whoamiSchema } from '../../../src/api/schemas/identity.ts'
import { locksSchema, lockSchema } from '../../../src/api/schemas/lock.ts'
import { passkeysSchema } from '../../../src/api/schemas/passkey.ts'
import { explanationSchema, trialSchema } from '../../../src/api/schemas/policy.ts'
import { legalHoldSchema } from '../../../src/api/schemas/recording.ts'
import { decidedSchema, newDecisionSchema, reviewSchema, reviewsSchema } from '../../../src/api/schemas/review.ts'
import { sessionSchema, sessionsSchema } from '../../../src/api/schemas/session.ts'
import { missingRole, type RoleActName } from '../../../src/api/role-acts.ts'
import { PamError, toErrorBody } from '../../../src/shared/errors.ts'
import { VERSION } from '../../../src/shared/version.ts'
import * as world from './world.ts'

/** What is answered to a call, with the schema of the route: a fixture that the gateway could not send fails. */
type Answer = readonly [schema: z.ZodType, value: unknown]

const [GRANT, REQUEST, SESSION, LOCK] = [world.GRANTS[0], world.REQUESTS[0], world.SESSIONS[0], world.LOCKS[0]]

const page = (items: readonly unknown[]): object => ({ items })

const WITHDRAWN = {
  state: 'withdrawn',
  status: `withdrawn by ${world.JANE.label}`,
  withdrawn: { by: world.JANE.label, at: REQUEST?.createdAt },
}

/** Of each route that is one thing, whoever asks. */
const THINGS: Readonly<Record<string, Answer>> = {
  'GET /v1/whoami': [whoamiSchema, world.WHOAMI],
  'POST /v1/requests': [requestSchema, REQUEST],
  'POST /v1/requests/req_2nj8kxp4vq/withdraw': [requestSchema, { ...REQUEST, ...WITHDRAWN }],
  'POST /v1/reviews/apr_9w3r6gq1xe/withdraw': [reviewSchema, { ...world.HELD, ...WITHDRAWN }],
  'GET /v1/reviews/apr_9w3r6gq1xe': [reviewSchema, world.HELD],
  'GET /v1/reviews/apr_4k7n0q3t6w': [reviewSchema, world.WITH_PASSKEY],
  'POST /v1/grants/grt_7c1m9tz0bw/revoke': [
    grantSchema,
    { ...GRANT, state: 'revoked', revoked: { by: world.JANE.label, reason: 'done', at: GRANT?.startsAt } },
  ],
  'POST /v1/grants/grt_7c1m9tz0bw/lift': [grantSchema, GRANT],
  'POST /v1/locks': [lockSchema, { ...LOCK, endedSessions: 2 }],
  'POST /v1/locks/lck_4b7n2vhs8j/lift': [
    lockSchema,
    { ...LOCK, state: 'lifted', lifted: { by: world.JANE.label, reason: 'laptop was found', at: LOCK?.createdAt } },
  ],
  'POST /v1/break-glass': [breakGlassSchema, world.EMERGENCY],
  'POST /v1/break-glass/brk_5h2d8sfy6k/review': [breakGlassSchema, { ...world.EMERGENCY, state: 'closed' }],
  'POST /v1/passkeys/removal': [passkeysSchema, page(world.PASSKEYS)],
  'GET /v1/policy/explain': [explanationSchema, world.EXPLANATION],
  'POST /v1/policy/try': [trialSchema, world.TRIAL],
  'GET /v1/sessions/ses_3f8yq1m5cd': [sessionSchema, SESSION],
  'POST /v1/sessions/ses_3f8yq1m5cd/kill': [sessionSchema, SESSION],
  'POST /v1/sessions/ses_3f8yq1m5cd/legal-hold': [legalHoldSchema, world.LEGAL_HOLD],
  'POST /v1/sessions/ses_3f8yq1m5cd/lift-hold': [legalHoldSchema, { session: 'ses_3f8yq1m5cd' }],
  'POST /v1/sessions/ses_3f8yq1m5cd/erase-apart': [z.object({}), {}],
}

/** Of each route that is a list, for somebody who has much, or nothing. */
const LISTS: Readonly<Record<string, Answer>> = {
  'GET /v1/targets': [targetsSchema, world.TARGETS],
  'GET /v1/grants': [grantsSchema, world.GRANTS],
  'GET /v1/requests': [requestsSchema, world.REQUESTS],
  'GET /v1/reviews': [reviewsSchema, world.REVIEWS],
  'GET /v1/sessions': [sessionsSchema, world.SESSIONS],
  'GET /v1/locks': [locksSchema, world.LOCKS],
  'GET /v1/break-glass': [breakGlassListSchema, world.EMERGENCIES],
  'GET /v1/passkeys': [passkeysSchema, world.PASSKEYS],
}

/** What takes a role, by the call that asks for it. */
const ROLES: readonly (readonly [call: RegExp, act: RoleActName])[] = [
  [/^GET \/v1\/audit$/, 'audit.read'],
  [/\/legal-hold$/, 'legal-hold.set'],
  [/\/lift-hold$/, 'legal-hold.lift'],
  [/\/erase-apart$/, 'detached-texts.erase'],
  [/\/kill$/, 'sessions.end'],
  [/\/passkeys\/removal$/, 'passkeys.remove'],
  [/\/v1\/locks/, 'locks.change'],
]

/** A gateway that answers from these tables: `new` has nothing, `peer` has no role. */
export const gatewayAnswering =
  (who: () => string): typeof fetch =>
  (input, init) => {
    const { hostname, pathname, searchParams } = new URL(input instanceof Request ? input.url : input)
    const call = `${init?.method ?? 'GET'} ${pathname}`
    if (call === 'GET /v1/audit' && searchParams.get('user') === 'nobody')
      return Promise.resolve(Response.json({ items: [], people: {}, subjects: {}, unknownUser: true }))
    const body = typeof init?.body === 'string' ? (JSON.parse(init.body) as unknown) : undefined
    return hostname === 'pam.example.com' ? Promise.resolve(answerTo(call, body, who())) : elsewhere(hostname)
  }

function answerTo(call: string, body: unknown, who: string): Response {
  const isEmpty = who === 'new'
  const refusal = who === 'peer' ? ROLES.find(([refused]) => refused.test(call)) : undefined
  if (refusal !== undefined) return failed(missingRole(refusal[1]), 403)
  if (call === 'GET /v1/search')
    return new Response(isEmpty ? '' : world.FOUND.map((line) => `${JSON.stringify(line)}\n`).join(''))
  if (call === 'GET /v1/audit') return Response.json(isEmpty ? { items: [], people: {} } : world.AUDIT)
  if (call === 'POST /v1/reviews/apr_9w3r6gq1xe/decision') {
    const { verdict, comment } = newDecisionSchema.parse(body)
    const state = verdict === 'approve' ? 'approved' : 'denied'
    const review = { ...world.HELD, state, status: `${state} by ${world.JANE.label}: ${comment}` }
    return Response.json(parsed(decidedSchema, { review }))
  }
  const thing = THINGS[call]
  if (thing !== undefined) return Response.json(parsed(thing[0], thing[1]))
  const list = LISTS[call]
  if (list !== undefined) return Response.json(parsed(list[0], page(isEmpty ? [] : (list[1] as unknown[]))))
  const id = call.split('/')[3] ?? ''
  return failed(new PamError('NOT_FOUND', `nothing with the id ${id} is visible to you`), 404)
}

function failed(error: PamError, status: number): Response {
  const { message, ...rest } = toErrorBody(error)
  return Response.json({ ...rest, detail: message }, { status })
}

/** What is at other addresses than that of the gateway. */
async function elsewhere(hostname: string): Promise<Response> {
  switch (hostname) {
    case 'alias.example.com':
      return Response.json(parsed(discoverySchema, DISCOVERY))
    case 'newer.example.com':
      return Response.json(parsed(discoverySchema, { ...DISCOVERY, gateway: `https://${hostname}`, api: ['v2'] }))
    case 'nobody.example.com':
      return Response.json(parsed(discoverySchema, { ...DISCOVERY, gateway: `https://${hostname}` }))
    case 'many.example.com':
      return Response.json(
        parsed(discoverySchema, {
          ...DISCOVERY,
          gateway: `https://${hostname}`,
          issuers: [issuer('staff', ['example.com']), issuer('partners', [])],
        }),
      )
    case 'web.example.com':
      return new Response('<!doctype html>', { status: 404 })
    default:
      throw Object.assign(new TypeError('fetch failed'), {
        cause: Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' }),
      })
  }
}

const issuer = (name: string, domains: readonly string[]): object => ({
  name,
  issuer: `https://${name}.example.com`,
  clientId: 'pamctl',
  scopes: ['openid'],
  domains,
  isGateway: false,
})

const DISCOVERY = {
  gateway: world.GATEWAY,
  version: VERSION,
  api: ['v1'],
  tunnel: ['v1'],
  scopes: ['openid'],
  issuers: [],
}

/** As it is, once it has been seen to be what the route answers. */
function parsed(schema: z.ZodType, value: unknown): unknown {
  schema.parse(value)
  return value
}
