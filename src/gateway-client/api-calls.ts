import { fromErrorBody, PamError } from '../shared/errors.ts'
import { connectionError } from './connection-error.ts'

/** Headers that authorise one call: access token and proof. */
export type Authorize = (method: string, url: string) => Promise<Readonly<Record<string, string>>>

export interface ApiClientOptions {
  readonly gateway: string
  readonly fetch: typeof fetch
  /** Absent for the few calls that need no sign-in. */
  readonly authorize?: Authorize
}

export interface Paged<T> {
  readonly items: readonly T[]
  readonly next?: string
}

export type Calls = ReturnType<typeof callsTo>

/** How calls are made and answers read; what is not a success is thrown as the error that the gateway says. */
export function callsTo({ gateway, fetch, authorize }: ApiClientOptions) {
  const call = async (method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<Response> => {
    const url = gateway + path
    const authorization = authorize === undefined ? {} : await authorize(method, url)
    let response: Response
    try {
      response = await fetch(url, {
        method,
        headers: {
          ...authorization,
          ...options.headers,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
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
  const query = (values: Query | object): string => {
    const set = Object.entries(values as Query).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, String(value)]],
    )
    return set.length === 0 ? '' : `?${new URLSearchParams(set).toString()}`
  }
  /** All pages of a list that is short. */
  const all = async <T>(path: string, values: Query = {}): Promise<T[]> => {
    const items: T[] = []
    for (let cursor: string | undefined; ;) {
      const page = await get<Paged<T>>(`${path}${query({ ...values, limit: 500, cursor })}`)
      items.push(...page.items)
      if (page.next === undefined) return items
      cursor = page.next
    }
  }
  return { call, get, post, query, all }
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

export const withSignal = (signal: AbortSignal | undefined): CallOptions => (signal === undefined ? {} : { signal })

type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** The problem that an answer tells; whatever is not one of the gateway's says so. */
async function problemOf(response: Response, gateway: string): Promise<PamError> {
  const problem = parseProblem(await response.text(), response.headers.get('retry-after'))
  if (problem !== undefined) return problem
  return new PamError(
    'VERSION_MISMATCH',
    `${gateway} is not a pamctl gateway (it answered with HTTP ${response.status})`,
    {
      hint: 'check the URL: an identity provider or a proxy may be at this address',
    },
  )
}

/** The error in a problem+json body of the gateway (RFC 9457); undefined where somebody else wrote the body. */
export function parseProblem(body: string, retryAfter: string | null = null): PamError | undefined {
  try {
    const { detail, ...rest } = JSON.parse(body) as { detail?: string; code?: string }
    return rest.code === undefined
      ? undefined
      : fromErrorBody(
          { ...rest, message: detail },
          // RFC 9110, section 10.2.3: seconds. The gateway sends no date.
          { retryAfterMs: /^\d{1,5}$/.test(retryAfter ?? '') ? Number(retryAfter) * 1000 : undefined },
        )
  } catch {
    return undefined
  }
}
