import { fromErrorBody, PamError } from '../shared/errors.ts'
import type { HttpAnswer, HttpCall } from '../shared/http-call.ts'
import { answerBudget, textLines, textOf, tooLarge, type AnswerBudget } from './answer-lines.ts'
import type { AnswerName, Answers } from './answers.ts'
import { connectionError } from './connection-error.ts'

/** Headers that authorise one call: access token and proof. */
export type Authorize = (method: string, url: string) => Promise<Readonly<Record<string, string>>>

export interface ApiClientOptions {
  readonly gateway: string
  /** `fetch`, where that is at hand. */
  readonly fetch: HttpCall
  /** Absent for the few calls that need no sign-in. */
  readonly authorize?: Authorize
  /** `trusted`: in pages that the gateway itself has served. */
  readonly answers: AnswerReader | 'trusted'
}

/** How an answer is read: what it is, the route it came from (`GET /v1/targets`), and its JSON. Throws what says that it is something else. */
export type AnswerReader = <Name extends AnswerName>(
  name: Name,
  route: string,
  value: unknown,
) => Promise<Answers[Name]>

interface Page<Item> {
  readonly items: readonly Item[]
  readonly next?: string | undefined
}

export type Calls = ReturnType<typeof callsTo>

/** How calls are made and answers read; what is not a success is thrown as the error that the gateway says. */
export function callsTo({ gateway, fetch, authorize, answers }: ApiClientOptions) {
  const call = async (method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<HttpAnswer> => {
    const url = gateway + path
    const authorization = authorize === undefined ? {} : await authorize(method, url)
    let response: HttpAnswer
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
        silenceMs: options.silenceMs ?? MAX_SILENCE_MS,
        redirect: 'error',
      })
    } catch (error) {
      throw connectionError(gateway, error)
    }
    if (!response.ok) throw await problemOf(response, gateway)
    return response
  }
  /** An answer as a whole. */
  const textAt = async (method: string, path: string, { body, signal, budget }: LinesOptions = {}): Promise<string> => {
    const response = await call(method, path, body, withSignal(signal))
    return textOf(response, answerTo(routeOf(method, path)), budget).catch((error: unknown) => {
      throw signal?.aborted === true ? error : connectionError(gateway, error)
    })
  }
  /** A call whose answer says nothing: it is read, so that its connection is free. */
  const done = async (method: string, path: string): Promise<void> => void (await textAt(method, path))
  const read = async <Name extends AnswerName>(name: Name, route: string, text: string): Promise<Answers[Name]> =>
    answers === 'trusted' ? (JSON.parse(text) as Answers[Name]) : answers(name, route, parsed(text, route))
  const get = async <Name extends AnswerName>(
    name: Name,
    path: string,
    { signal, budget }: { readonly signal?: AbortSignal | undefined; readonly budget?: AnswerBudget } = {},
  ): Promise<Answers[Name]> => read(name, routeOf('GET', path), await textAt('GET', path, { signal, budget }))
  const post = async <Name extends AnswerName>(
    name: Name,
    path: string,
    body: unknown = {},
    signal?: AbortSignal,
  ): Promise<Answers[Name]> => read(name, routeOf('POST', path), await textAt('POST', path, { body, signal }))
  /** An answer of one value a line, as they come. */
  const lines = async function* <Name extends AnswerName>(
    name: Name,
    method: 'GET' | 'POST',
    path: string,
    { body, signal, budget }: LinesOptions = {},
  ): AsyncGenerator<Answers[Name], void, undefined> {
    const route = routeOf(method, path)
    const response = await call(method, path, body, { ...withSignal(signal), silenceMs: MAX_SEARCH_MS })
    for await (const line of textLines(response, answerTo(route), { budget })) yield await read(name, route, line)
  }
  const query = (values: Query | object): string => {
    const set = Object.entries(values as Query).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, String(value)]],
    )
    return set.length === 0 ? '' : `?${new URLSearchParams(set).toString()}`
  }
  /** All pages of a list that is short. `what`: in the plural, for the error where it is not. */
  const all = async <Item>(
    what: string,
    pageAt: (asked: PageQuery, options: { readonly budget: AnswerBudget }) => Promise<Page<Item>>,
  ): Promise<Item[]> => {
    const items: Item[] = []
    const budget = answerBudget()
    for (let [cursor, pages]: [string | undefined, number] = [undefined, 1]; ; pages++) {
      const page = await pageAt({ limit: PAGE, cursor }, { budget })
      for (const item of page.items) items.push(item)
      if (page.next === undefined) return items
      if (pages === MAX_PAGES)
        throw tooLarge(`the gateway's list of ${what} has more than ${MAX_PAGES} pages of ${PAGE}`)
      cursor = page.next
    }
  }
  return { call, done, get, post, lines, query, all }
}

const answerTo = (route: string): string => `the gateway's answer to ${route}`

/** A route without what is asked of it. */
const routeOf = (method: string, path: string): string => `${method} ${path.split('?')[0]}`

function parsed(text: string, route: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new PamError('VERSION_MISMATCH', `the answer to ${route} is not JSON`, {
      hint: 'check the URL: a proxy may be at this address',
      cause: error,
    })
  }
}

export interface PageQuery {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

interface LinesOptions {
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
  /** Where all of it is kept. */
  readonly budget?: AnswerBudget | undefined
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Milliseconds without a byte; see `HttpCallRequest`. */
  readonly silenceMs?: number
}

export const withSignal = (signal: AbortSignal | undefined): CallOptions => (signal === undefined ? {} : { signal })

type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** The problem that an answer tells; whatever is not one of the gateway's says so. */
async function problemOf(response: HttpAnswer, gateway: string): Promise<PamError> {
  const text = await textOf(response, `the error of ${gateway}`)
  const problem = parseProblem(text, response.headers.get('retry-after'))
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

/** Milliseconds that the gateway may say nothing: a request that waits for a decision is answered after 25 seconds, and streams have beats. */
const MAX_SILENCE_MS = 60_000
/** A search says nothing until it has found something. */
const MAX_SEARCH_MS = 300_000
/** Things of a list, and lists of that many: more than anybody would read, or a terminal show. */
const PAGE = 500
const MAX_PAGES = 200
