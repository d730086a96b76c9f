import type { Numbers } from '../api/schemas/numbers.ts'
import type { AccessRequest, Grant, NewRequest, Target } from '../api/schemas/access.ts'
import type { Discovery, Token, WebSession, Whoami } from '../api/schemas/identity.ts'
import type {
  DetachedText,
  AuditStatus,
  Found,
  LegalHold,
  Timeline,
  VerificationResult,
  AuditSubject,
} from '../api/schemas/recording.ts'
import type { Assertion, CreationOptions, NewPasskey, Passkey, RequestOptions } from '../api/schemas/passkey.ts'
import type { Review } from '../api/schemas/review.ts'
import type { BreakGlass } from '../api/schemas/break-glass.ts'
import type { Lock, NewLock } from '../api/schemas/lock.ts'
import type { Delivery } from '../api/schemas/delivery.ts'
import type { Explanation, ReplayLine, Rules, TrialResult, DraftProblems } from '../api/schemas/policy.ts'
import type { AuditRecord } from '../recording/audit-chain.ts'
import type { Session } from '../api/schemas/session.ts'
import { bodyOf, collect, linesOf, textLines } from './answer-lines.ts'
import { callsTo, withSignal, type ApiClientOptions, type Calls, type Paged } from './api-calls.ts'
import { connectionError } from './connection-error.ts'
import { serverEvents, type ServerEvent } from './server-events.ts'

export type ApiClient = ReturnType<typeof createApiClient>

/** The gateway's API, typed by its own schemas. Runs in Node and in browsers. */
export function createApiClient(options: ApiClientOptions) {
  const { gateway } = options
  const calls = callsTo(options)
  const { call, get, post, query, all } = calls
  return {
    gateway,
    discover: () => get<Discovery>('/.well-known/pam-gateway'),
    /** Exchanges an identity token for the gateway's own; the proof is made by the caller's key. */
    token: (identityToken: string) => post<Token>('/v1/token', { identityToken }),
    /** A browser's session: what its changes are sent with. */
    webSession: () => get<WebSession>('/v1/web-session'),
    logout: async () => void (await call('DELETE', '/v1/login')),
    /** Every browser and every command line of the caller. */
    logoutEverywhere: async () => void (await call('DELETE', '/v1/logins')),
    whoami: () => get<Whoami>('/v1/whoami'),
    targets: () => all<Target>('/v1/targets'),
    explain: (target: string) => get<Explanation>(`/v1/policy/explain${query({ target })}`),
    policy: policyOf(calls),
    requests: requestsOf(calls),
    reviews: reviewsOf(calls),
    passkeys: passkeysOf(calls),
    grants: grantsOf(calls),
    locks: locksOf(calls),
    breakGlass: breakGlassOf(calls),
    sessions: sessionsOf(calls),
    search: async function* (
      asked: {
        text?: string
        verdict?: string
        kind?: string
        since?: string
        until?: string
        user?: string
        target?: string
        limit?: number
      },
      signal?: AbortSignal,
    ): AsyncGenerator<Found, void, undefined> {
      yield* linesOf<Found>(await call('GET', `/v1/search${query(asked)}`, undefined, withSignal(signal)))
    },
    /** The audit chain in order; the whole of it where nothing is asked for. */
    audit: async function* (asked: AuditFilter): AsyncGenerator<AuditRecord, void, undefined> {
      for (let after = 0; ;) {
        const { items, next } = await get<AuditPage>(`/v1/audit${query({ ...asked, after, limit: 1000 })}`)
        yield* items
        if (next === undefined) return
        after = next
      }
    },
    /** One page of the audit chain, the newest first. */
    auditPage: (asked: AuditFilter & { before?: number; limit?: number }) =>
      get<AuditPage>(`/v1/audit${query({ ...asked, order: 'newest' })}`),
    numbers: (weeks: number) => get<Numbers>(`/v1/numbers${query({ weeks })}`),
    auditStatus: () => get<AuditStatus>('/v1/audit/status'),
    deliveries: (page: PageQuery) => get<Paged<Delivery>>(`/v1/deliveries${query(page)}`),
    /**
     * What changes, from `after` on. Ends when the gateway ends it: then begin again from the last one. Says first where
     * it is (`ready`), or that not all was told (`resync`): too much was missed, or there was no place to begin from, and what
     * was read before the stream may be old.
     */
    events: (after: number | undefined, signal?: AbortSignal) => eventsFrom(call, gateway, after, signal),
    keys: () => all<{ id: string; publicKey: string }>('/v1/keys'),
  }
}

const id = encodeURIComponent

/** Rules: to read, to try and to replay. */
const policyOf = ({ call, get, post }: Calls) => ({
  rules: () => get<Rules>('/v1/policy/rules'),
  try: (asked: {
    target: string
    command: string
    person?: { groups: readonly string[]; kind: 'person' | 'service' }
  }) => post<TrialResult>('/v1/policy/try', asked),
  checkDraft: (draft: string) => post<{ problems: DraftProblems }>('/v1/policy/draft', { draft }),
  /** What rules would say of what was run, where that differs. */
  replay: async function* (
    asked: { days: number; draft?: string },
    signal?: AbortSignal,
  ): AsyncGenerator<ReplayLine, void, undefined> {
    yield* linesOf<ReplayLine>(await call('POST', '/v1/policy/replay', asked, withSignal(signal)))
  },
})

/** Requests for access. */
const requestsOf = ({ call, get, post, query }: Calls) => ({
  create: (asked: Partial<NewRequest> & { readonly reason: string }) => post<AccessRequest>('/v1/requests', asked),
  list: (page: PageQuery & { mine?: boolean }) => get<Paged<AccessRequest>>(`/v1/requests${query(page)}`),
  /** Answers at once, or, with `waitMs`, as soon as the request is decided. */
  get: async (request: string, waitMs = 0, signal?: AbortSignal): Promise<AccessRequest> => {
    const path = `/v1/requests/${id(request)}${query({ waitMs })}`
    return (await call('GET', path, undefined, withSignal(signal))).json() as Promise<AccessRequest>
  },
  withdraw: async (request: string, signal?: AbortSignal): Promise<AccessRequest> => {
    const path = `/v1/requests/${id(request)}/withdraw`
    return (await call('POST', path, {}, withSignal(signal))).json() as Promise<AccessRequest>
  },
})

/** What people decide on: requests for access, and held commands. */
const reviewsOf = ({ get, post, query, all }: Calls) => ({
  /** What waits for the caller, oldest first. */
  list: () => all<Review>('/v1/reviews'),
  page: (page: PageQuery & { visible?: boolean }) => get<Paged<Review>>(`/v1/reviews${query(page)}`),
  get: (review: string) => get<Review>(`/v1/reviews/${id(review)}`),
  decide: (
    review: string,
    decision: {
      verdict: 'approve' | 'deny'
      comment: string
      lengthMs?: number
      digest?: string
      passkey?: Assertion
    },
  ) => post<{ review: Review; grant?: Grant; grants?: Grant[] }>(`/v1/reviews/${id(review)}/decision`, decision),
  /** Takes back the caller's own held command. */
  withdraw: (review: string) => post<Review>(`/v1/reviews/${id(review)}/withdraw`),
  /** What the authenticator of a browser is to sign for an approval. */
  passkeyChallenge: (review: string, approved: { lengthMs?: number; digest?: string }) =>
    post<RequestOptions>(`/v1/reviews/${id(review)}/passkey-challenge`, approved),
})

/** Passkeys: one's own in a browser, and, for operators, those of others. */
const passkeysOf = ({ call, get, post, query }: Calls) => ({
  list: async (person?: string) => (await get<{ items: Passkey[] }>(`/v1/passkeys${query({ person })}`)).items,
  begin: () => post<CreationOptions>('/v1/passkeys/registration'),
  register: (made: NewPasskey) => post<Passkey>('/v1/passkeys', made),
  remove: async (passkey: string) => void (await call('DELETE', `/v1/passkeys/${id(passkey)}`)),
  removeAll: async (person: string, reason: string) =>
    (await post<{ items: Passkey[] }>('/v1/passkeys/removal', { person, reason })).items,
})

/** Granted access. */
const grantsOf = ({ get, post, query }: Calls) => ({
  list: (page: PageQuery & { all?: boolean; active?: boolean }) => get<Paged<Grant>>(`/v1/grants${query(page)}`),
  revoke: (grant: string, reason: string) => post<Grant>(`/v1/grants/${id(grant)}/revoke`, { reason }),
  lift: (grant: string) => post<Grant>(`/v1/grants/${id(grant)}/lift`),
})

/** Locks on people and targets. */
const locksOf = ({ post, all }: Calls) => ({
  list: (active: boolean) => all<Lock>('/v1/locks', { active }),
  create: (asked: NewLock) => post<Lock>('/v1/locks', asked),
  lift: (lock: string, reason: string) => post<Lock>(`/v1/locks/${id(lock)}/lift`, { reason }),
})

/** Access in an emergency, and its reviews. */
const breakGlassOf = ({ get, post, all, query }: Calls) => ({
  page: (page: PageQuery) => get<Paged<BreakGlass>>(`/v1/break-glass${query(page)}`),
  list: (open: boolean) => all<BreakGlass>('/v1/break-glass', { open }),
  get: (use: string) => get<BreakGlass>(`/v1/break-glass/${id(use)}`),
  start: (asked: { target: string; reason: string; lengthMs?: number }) => post<BreakGlass>('/v1/break-glass', asked),
  review: (use: string, comment: string) => post<BreakGlass>(`/v1/break-glass/${id(use)}/review`, { comment }),
})

/** Sessions and their records. */
const sessionsOf = ({ call, get, post, query }: Calls) => ({
  list: (page: PageQuery & SessionQuery) => get<Paged<Session>>(`/v1/sessions${query(page)}`),
  get: (session: string) => get<Session>(`/v1/sessions/${id(session)}`),
  recording: async (session: string, purpose: 'viewed' | 'exported' | 'verified'): Promise<AsyncIterable<Uint8Array>> =>
    bodyOf(await call('GET', `/v1/sessions/${id(session)}/recording${query({ purpose })}`)),
  events: (
    session: string,
    page: { from?: number; limit?: number; types?: string; text?: string; matters?: boolean },
  ) => get<Timeline>(`/v1/sessions/${id(session)}/events${query(page)}`),
  /** asciicast v2, some megabytes of it. */
  cast: async (session: string, part: { from?: number; channel?: string } = {}): Promise<string> =>
    (await call('GET', `/v1/sessions/${id(session)}/cast${query(part)}`)).text(),
  verification: (session: string) => get<VerificationResult>(`/v1/sessions/${id(session)}/verification`),
  detachedTexts: async (session: string): Promise<DetachedText[]> =>
    collect(linesOf<DetachedText>(await call('GET', `/v1/sessions/${id(session)}/apart`))),
  eraseDetached: (session: string, reason: string) =>
    post<object>(`/v1/sessions/${id(session)}/erase-apart`, { reason }),
  /** Events as lines of JSON, until the session ends. */
  tail: async function* (session: string, signal?: AbortSignal): AsyncGenerator<string, void, undefined> {
    yield* textLines(await call('GET', `/v1/sessions/${id(session)}/tail`, undefined, withSignal(signal)))
  },
  legalHold: (session: string, reason: string, held: boolean) =>
    post<LegalHold>(`/v1/sessions/${id(session)}/${held ? 'legal-hold' : 'lift-hold'}`, { reason }),
  kill: (session: string, reason: string) => post<Session>(`/v1/sessions/${id(session)}/kill`, { reason }),
})

async function* eventsFrom(
  call: Calls['call'],
  gateway: string,
  after: number | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<ServerEvent, void, undefined> {
  const headers = after === undefined ? {} : { 'last-event-id': String(after) }
  const stalled = new AbortController()
  const watch = (): ReturnType<typeof setTimeout> => setTimeout(() => stalled.abort(), STALLED_MS)
  let timer = watch()
  try {
    const until = signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal])
    const response = await call('GET', '/v1/events', undefined, { headers, signal: until })
    for await (const event of serverEvents(textLines(response, true))) {
      clearTimeout(timer)
      timer = watch()
      yield event.type === 'ready' && after === undefined ? { ...event, type: 'resync' } : event
    }
  } catch (error) {
    throw connectionError(gateway, error)
  } finally {
    clearTimeout(timer)
  }
}

/** Milliseconds; the gateway says every ten seconds that it is there. */
const STALLED_MS = 35_000

interface PageQuery {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

export interface SessionQuery {
  readonly active?: boolean | undefined
  readonly mine?: boolean | undefined
  readonly person?: string | undefined
  readonly target?: string | undefined
  readonly protocol?: string | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
  /** Only sessions with commands that were denied; that were held. */
  readonly denied?: boolean | undefined
  readonly held?: boolean | undefined
  /** Also the text of what runs now. */
  readonly commands?: boolean | undefined
}

export interface AuditFilter {
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly user?: string | undefined
  readonly target?: string | undefined
  readonly type?: string | undefined
  readonly subject?: string | undefined
  readonly text?: string | undefined
}

export interface AuditPage {
  readonly items: readonly AuditRecord[]
  readonly people: Readonly<Record<string, string>>
  /** Gateways up to 0.2 do not say. */
  readonly subjects?: Readonly<Record<string, AuditSubject>>
  /** Nothing was found, and the person asked for has never signed in. */
  readonly unknownUser?: boolean
  readonly next?: number
}
