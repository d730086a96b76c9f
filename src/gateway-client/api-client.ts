import { fromErrorBody, PamError } from '../shared/errors.ts'
import type { AccessRequest, Grant, Target } from '../api/schemas/access.ts'
import type { Discovery, Token, Whoami } from '../api/schemas/identity.ts'
import type { ApartText, AuditQuery, Found, LegalHold } from '../api/schemas/recording.ts'
import type { Review } from '../api/schemas/review.ts'
import type { AuditRecord } from '../recording/audit-chain.ts'
import type { Explanation, Session } from '../api/schemas/session.ts'
import { connectionError } from './connection-error.ts'

/** Headers that authorise one call: access token and proof. */
export type Authorize = (method: string, url: string) => Promise<Readonly<Record<string, string>>>

export interface ApiClientOptions {
  readonly gateway: string
  readonly fetch: typeof fetch
  /** Absent for the few calls that need no sign-in. */
  readonly authorize?: Authorize
}

export type ApiClient = ReturnType<typeof createApiClient>

export interface Paged<T> {
  readonly items: readonly T[]
  readonly next?: string
}

/** The gateway's API, typed by its own schemas. */
export function createApiClient({ gateway, fetch, authorize }: ApiClientOptions) {
  const call = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const url = gateway + path
    const authorization = authorize === undefined ? {} : await authorize(method, url)
    let response: Response
    try {
      response = await fetch(url, {
        method,
        headers: { ...authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        redirect: 'error',
      })
    } catch (error) {
      throw connectionError(gateway, error)
    }
    if (!response.ok) throw await problemOf(response, gateway)
    return response
  }
  const json = async <T>(method: string, path: string, body?: unknown): Promise<T> =>
    (await call(method, path, body)).json() as Promise<T>
  const get = <T>(path: string): Promise<T> => json<T>('GET', path)
  const post = <T>(path: string, body: unknown = {}): Promise<T> => json<T>('POST', path, body)
  const query = (values: Query): string => {
    const set = Object.entries(values).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, String(value)]],
    )
    return set.length === 0 ? '' : `?${new URLSearchParams(set).toString()}`
  }
  const id = encodeURIComponent
  return {
    gateway,
    discover: () => get<Discovery>('/.well-known/pam-gateway'),
    /** Exchanges an identity token for the gateway's own; the proof is made by the caller's key. */
    token: (identityToken: string) => post<Token>('/v1/token', { identityToken }),
    logout: async () => void (await call('DELETE', '/v1/login')),
    whoami: () => get<Whoami>('/v1/whoami'),
    targets: async () => (await get<{ items: Target[] }>('/v1/targets')).items,
    explain: (target: string) => get<Explanation>(`/v1/policy/explain${query({ target })}`),
    requests: {
      create: (asked: { target: string; reason: string; lengthMs?: number }) =>
        post<AccessRequest>('/v1/requests', asked),
      list: (page: { limit?: number; cursor?: string }) => get<Paged<AccessRequest>>(`/v1/requests${query(page)}`),
      get: (request: string, waitMs = 0) => get<AccessRequest>(`/v1/requests/${id(request)}${query({ waitMs })}`),
      withdraw: (request: string) => post<AccessRequest>(`/v1/requests/${id(request)}/withdraw`),
    },
    reviews: {
      list: async () => (await get<{ items: Review[] }>('/v1/reviews')).items,
      get: (review: string) => get<Review>(`/v1/reviews/${id(review)}`),
      decide: (
        review: string,
        decision: { verdict: 'approve' | 'deny'; comment: string; lengthMs?: number; digest?: string },
      ) => post<{ review: Review; grant?: Grant }>(`/v1/reviews/${id(review)}/decision`, decision),
    },
    grants: {
      list: (page: { limit?: number; cursor?: string; all?: boolean; active?: boolean }) =>
        get<Paged<Grant>>(`/v1/grants${query(page)}`),
      revoke: (grant: string, reason: string) => post<Grant>(`/v1/grants/${id(grant)}/revoke`, { reason }),
      lift: (grant: string) => post<Grant>(`/v1/grants/${id(grant)}/lift`),
    },
    sessions: {
      list: (page: { limit?: number; cursor?: string; active?: boolean }) =>
        get<Paged<Session>>(`/v1/sessions${query(page)}`),
      get: (session: string) => get<Session>(`/v1/sessions/${id(session)}`),
      recording: async (
        session: string,
        purpose: 'viewed' | 'exported' | 'verified',
      ): Promise<AsyncIterable<Uint8Array>> =>
        bodyOf(await call('GET', `/v1/sessions/${id(session)}/recording${query({ purpose })}`)),
      apart: async (session: string): Promise<ApartText[]> =>
        collect(linesOf<ApartText>(await call('GET', `/v1/sessions/${id(session)}/apart`))),
      eraseApart: (session: string, reason: string) =>
        post<object>(`/v1/sessions/${id(session)}/erase-apart`, { reason }),
      /** Events as lines of JSON, until the session ends. */
      tail: async function* (session: string): AsyncGenerator<string, void, undefined> {
        yield* textLines(await call('GET', `/v1/sessions/${id(session)}/tail`))
      },
      legalHold: (session: string, reason: string, held: boolean) =>
        post<LegalHold>(`/v1/sessions/${id(session)}/${held ? 'legal-hold' : 'lift-hold'}`, { reason }),
      kill: (session: string, reason: string) => post<Session>(`/v1/sessions/${id(session)}/kill`, { reason }),
    },
    search: async function* (asked: {
      text: string
      since?: string
      user?: string
      target?: string
      limit?: number
    }): AsyncGenerator<Found, void, undefined> {
      yield* linesOf<Found>(await call('GET', `/v1/search${query(asked)}`))
    },
    /** The audit chain in order; the whole of it where nothing is asked for. */
    audit: async function* (asked: Omit<AuditQuery, 'after' | 'limit'>): AsyncGenerator<AuditRecord, void, undefined> {
      for (let after = 0; ;) {
        const { items } = await get<{ items: AuditRecord[] }>(`/v1/audit${query({ ...asked, after, limit: 1000 })}`)
        yield* items
        const last = items.at(-1)
        if (last === undefined) return
        after = last.seq
      }
    },
    keys: async () => (await get<{ items: { id: string; publicKey: string }[] }>('/v1/keys')).items,
  }
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>

function bodyOf(response: Response): AsyncIterable<Uint8Array> {
  return (response.body ?? []) as AsyncIterable<Uint8Array>
}

/** Lines of an answer as they come; empty ones only say that it goes on. */
async function* textLines(response: Response): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of bodyOf(response)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines.filter((line) => line !== '')
  }
  if (rest !== '') yield rest
}

async function* linesOf<T>(response: Response): AsyncGenerator<T, void, undefined> {
  for await (const line of textLines(response)) yield JSON.parse(line) as T
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** The problem that an answer tells; whatever is not one of the gateway's says so. */
async function problemOf(response: Response, gateway: string): Promise<PamError> {
  const problem = parseProblem(await response.text())
  if (problem !== undefined) return problem
  return new PamError('VERSION_MISMATCH', `${gateway} answers, but not as a pamctl gateway (HTTP ${response.status})`, {
    hint: 'is this the address of the gateway?',
  })
}

/** The error in a problem+json body of the gateway (RFC 9457); undefined where somebody else wrote the body. */
export function parseProblem(body: string): PamError | undefined {
  try {
    const { detail, ...rest } = JSON.parse(body) as { detail?: string; code?: string }
    return rest.code === undefined ? undefined : fromErrorBody({ ...rest, message: detail })
  } catch {
    return undefined
  }
}
