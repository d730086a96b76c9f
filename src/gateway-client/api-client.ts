import type { NewRequest } from '../api/schemas/access.ts'
import type { NewLock } from '../api/schemas/lock.ts'
import type { Assertion, NewPasskey } from '../api/schemas/passkey.ts'
import { answerBudget, bodyOf, collect, endlessAudit, textLines, textOf, type AnswerBudget } from './answer-lines.ts'
import type { Answers } from './answers.ts'
import { callsTo, withSignal, type ApiClientOptions, type Calls, type PageQuery } from './api-calls.ts'
import { connectionError } from './connection-error.ts'
import { serverEvents, type ServerEvent } from './server-events.ts'

export type ApiClient = ReturnType<typeof createApiClient>

/** The gateway's API, typed by its own schemas. Runs in Node and in browsers. */
export function createApiClient(options: ApiClientOptions) {
  const { gateway } = options
  const calls = callsTo(options)
  const { call, done, get, post, lines, query, all } = calls
  return {
    gateway,
    discover: () => get('discovery', '/.well-known/pam-gateway'),
    /** Exchanges an identity token for the gateway's own; the proof is made by the caller's key. */
    token: (identityToken: string) => post('token', '/v1/token', { identityToken }),
    /** A browser's session: what its changes are sent with. */
    webSession: () => get('webSession', '/v1/web-session'),
    logout: () => done('DELETE', '/v1/login'),
    /** Every browser and every command line of the caller. */
    logoutEverywhere: () => done('DELETE', '/v1/logins'),
    whoami: () => get('whoami', '/v1/whoami'),
    targets: () => all('targets', (page, budget) => get('targets', `/v1/targets${query(page)}`, budget)),
    explain: (target: string) => get('explanation', `/v1/policy/explain${query({ target })}`),
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
        user?: string | undefined
        target?: string | undefined
        limit?: number
      },
      signal?: AbortSignal,
    ): AsyncGenerator<Answers['found'], void, undefined> {
      yield* lines('found', 'GET', `/v1/search${query(asked)}`, { signal, budget: answerBudget() })
    },
    /** The audit chain in order; the whole of it where nothing is asked for. `budget`: where all of it is kept. */
    audit: async function* (
      asked: AuditFilter,
      budget?: AnswerBudget,
    ): AsyncGenerator<Answers['audit']['items'][number], void, undefined> {
      for (let after = 0; ;) {
        const path = `/v1/audit${query({ ...asked, after, limit: 1000 })}`
        const { items, next } = await get('audit', path, budget === undefined ? {} : { budget })
        yield* items
        if (next === undefined) return
        if (items.length === 0 || next <= after) throw endlessAudit()
        after = next
      }
    },
    /** One page of the audit chain, the newest first. */
    auditPage: (asked: AuditFilter & { before?: number; limit?: number }) =>
      get('audit', `/v1/audit${query({ ...asked, order: 'newest' })}`),
    numbers: (weeks: number) => get('numbers', `/v1/numbers${query({ weeks })}`),
    auditStatus: () => get('auditStatus', '/v1/audit/status'),
    deliveries: (page: PageQuery) => get('deliveries', `/v1/deliveries${query(page)}`),
    /**
     * What changes, from `after` on. Ends when the gateway ends it: then begin again from the last one. Says first where
     * it is (`ready`), or that not all was told (`resync`): too much was missed, or there was no place to begin from, and what
     * was read before the stream may be old.
     */
    events: (after: number | undefined, signal?: AbortSignal) => eventsFrom(call, gateway, after, signal),
    keys: () => all('recording keys', (page, budget) => get('keys', `/v1/keys${query(page)}`, budget)),
  }
}

const id = encodeURIComponent

/** Rules: to read, to try and to replay. */
const policyOf = ({ get, post, lines }: Calls) => ({
  rules: () => get('rules', '/v1/policy/rules'),
  try: (asked: {
    target: string
    command: string
    person?: { groups: readonly string[]; kind: 'person' | 'service' }
    at?: string
  }) => post('trial', '/v1/policy/try', asked),
  checkDraft: (draft: string) => post('draft', '/v1/policy/draft', { draft }),
  /** What rules would say of what was run, where that differs. */
  replay: async function* (
    asked: { days: number; draft?: string },
    signal?: AbortSignal,
  ): AsyncGenerator<Answers['replayLine'], void, undefined> {
    yield* lines('replayLine', 'POST', '/v1/policy/replay', { body: asked, signal })
  },
})

/** Requests for access. */
const requestsOf = ({ get, post, query }: Calls) => ({
  create: (asked: Partial<NewRequest> & { readonly reason: string }) => post('request', '/v1/requests', asked),
  list: (page: PageQuery & { mine?: boolean }) => get('requests', `/v1/requests${query(page)}`),
  /** Answers at once, or, with `waitMs`, as soon as the request is decided. */
  get: (request: string, waitMs = 0, signal?: AbortSignal) =>
    get('request', `/v1/requests/${id(request)}${query({ waitMs })}`, { signal }),
  withdraw: (request: string, signal?: AbortSignal) =>
    post('request', `/v1/requests/${id(request)}/withdraw`, {}, signal),
})

/** What people decide on: requests for access, and held commands. */
const reviewsOf = ({ get, post, query, all }: Calls) => ({
  /** What waits for the caller, oldest first. */
  list: () => all('reviews', (page, budget) => get('reviews', `/v1/reviews${query(page)}`, budget)),
  page: (page: PageQuery & { visible?: boolean }) => get('reviews', `/v1/reviews${query(page)}`),
  get: (review: string) => get('review', `/v1/reviews/${id(review)}`),
  decide: (
    review: string,
    decision: {
      verdict: 'approve' | 'deny'
      comment: string
      lengthMs?: number
      digest?: string
      passkey?: Assertion
    },
  ) => post('decided', `/v1/reviews/${id(review)}/decision`, decision),
  /** Takes back the caller's own held command. */
  withdraw: (review: string) => post('review', `/v1/reviews/${id(review)}/withdraw`),
  /** What the authenticator of a browser is to sign for an approval. */
  passkeyChallenge: (review: string, approved: { lengthMs?: number; digest?: string }) =>
    post('passkeyRequest', `/v1/reviews/${id(review)}/passkey-challenge`, approved),
})

/** Passkeys: one's own in a browser, and, for operators, those of others. */
const passkeysOf = ({ done, get, post, query }: Calls) => ({
  list: async (person?: string) => (await get('passkeys', `/v1/passkeys${query({ person })}`)).items,
  begin: () => post('passkeyCreation', '/v1/passkeys/registration'),
  register: (made: NewPasskey) => post('passkey', '/v1/passkeys', made),
  remove: (passkey: string) => done('DELETE', `/v1/passkeys/${id(passkey)}`),
  removeAll: async (person: string, reason: string) =>
    (await post('passkeys', '/v1/passkeys/removal', { person, reason })).items,
})

/** Granted access. */
const grantsOf = ({ get, post, query }: Calls) => ({
  list: (page: PageQuery & { all?: boolean; active?: boolean }) => get('grants', `/v1/grants${query(page)}`),
  revoke: (grant: string, reason: string) => post('grant', `/v1/grants/${id(grant)}/revoke`, { reason }),
  lift: (grant: string) => post('grant', `/v1/grants/${id(grant)}/lift`),
})

/** Locks on people and targets. */
const locksOf = ({ get, post, all, query }: Calls) => ({
  list: (active: boolean) =>
    all('locks', (page, budget) => get('locks', `/v1/locks${query({ active, ...page })}`, budget)),
  create: (asked: NewLock) => post('lock', '/v1/locks', asked),
  lift: (lock: string, reason: string) => post('lock', `/v1/locks/${id(lock)}/lift`, { reason }),
})

/** Access in an emergency, and its reviews. */
const breakGlassOf = ({ get, post, all, query }: Calls) => ({
  page: (page: PageQuery) => get('breakGlasses', `/v1/break-glass${query(page)}`),
  list: (open: boolean) =>
    all('emergencies', (page, budget) => get('breakGlasses', `/v1/break-glass${query({ open, ...page })}`, budget)),
  get: (use: string) => get('breakGlass', `/v1/break-glass/${id(use)}`),
  start: (asked: { target: string; reason: string; lengthMs?: number }) => post('breakGlass', '/v1/break-glass', asked),
  review: (use: string, comment: string) => post('breakGlass', `/v1/break-glass/${id(use)}/review`, { comment }),
})

/** Sessions and their records. */
const sessionsOf = ({ call, get, post, lines, query }: Calls) => ({
  list: (page: PageQuery & SessionQuery) => get('sessions', `/v1/sessions${query(page)}`),
  get: (session: string) => get('session', `/v1/sessions/${id(session)}`),
  recording: async (session: string, purpose: 'viewed' | 'exported' | 'verified'): Promise<AsyncIterable<Uint8Array>> =>
    bodyOf(await call('GET', `/v1/sessions/${id(session)}/recording${query({ purpose })}`)),
  events: (
    session: string,
    page: { from?: number; limit?: number; types?: string; text?: string; matters?: boolean },
  ) => get('timeline', `/v1/sessions/${id(session)}/events${query(page)}`),
  /** asciicast v2, some megabytes of it. */
  cast: async (session: string, part: { from?: number; channel?: string } = {}): Promise<string> => {
    const path = `/v1/sessions/${id(session)}/cast`
    return textOf(await call('GET', `${path}${query(part)}`), `the gateway's answer to GET ${path}`)
  },
  verification: (session: string) => get('verification', `/v1/sessions/${id(session)}/verification`),
  detachedTexts: (session: string) =>
    collect(lines('detachedText', 'GET', `/v1/sessions/${id(session)}/apart`, { budget: answerBudget() })),
  eraseDetached: (session: string, reason: string) =>
    post('nothing', `/v1/sessions/${id(session)}/erase-apart`, { reason }),
  /** Events as lines of JSON, until the session ends. */
  tail: async function* (session: string, signal?: AbortSignal): AsyncGenerator<string, void, undefined> {
    const path = `/v1/sessions/${id(session)}/tail`
    yield* textLines(await call('GET', path, undefined, withSignal(signal)), `the gateway's answer to GET ${path}`)
  },
  legalHold: (session: string, reason: string, held: boolean) =>
    post('legalHold', `/v1/sessions/${id(session)}/${held ? 'legal-hold' : 'lift-hold'}`, { reason }),
  kill: (session: string, reason: string) => post('session', `/v1/sessions/${id(session)}/kill`, { reason }),
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
    for await (const event of serverEvents(
      textLines(response, "the gateway's answer to GET /v1/events", { empty: true }),
    )) {
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
