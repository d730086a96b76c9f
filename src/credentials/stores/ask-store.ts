import { boundedRequest, NoAnswer, type BoundedRequest } from '../../shared/bounded-request.ts'
import { parseObject, StoreFailure } from './store.ts'

export interface StoreAnswer {
  readonly status: number
  /** Undefined where the body is no JSON object. */
  readonly json: Readonly<Record<string, unknown>> | undefined
}

/** How requests are sent; tests look at what is sent. */
export type SendRequest = typeof boundedRequest

/** Sends a request to a store, or to what it authenticates with, and reads the answer. Throws StoreFailure where there is none. */
export async function askStore(request: BoundedRequest, send: SendRequest): Promise<StoreAnswer> {
  const { status, body } = await answerOf(request, send)
  return { status, json: parseObject(body) }
}

/** The same for answers that are not JSON. */
export async function answerOf(
  request: BoundedRequest,
  send: SendRequest,
): Promise<{ readonly status: number; readonly body: string }> {
  try {
    return await send(request)
  } catch (error) {
    if (error instanceof NoAnswer) throw new StoreFailure('store', error.message)
    throw error
  }
}

/** What a status that is not a success says about the store. What the body says is not repeated. */
export function refusedBy(status: number): StoreFailure {
  if (status >= 300 && status < 400)
    return new StoreFailure('store', `answers ${status}, a redirect, which is not followed`)
  return new StoreFailure('store', `answers ${status}${MEANINGS[status] ?? ''}`)
}

const MEANINGS: Readonly<Record<number, string>> = {
  400: ' (bad request)',
  401: ' (not signed in)',
  403: ' (not allowed)',
  404: ' (not found)',
  429: ' (too many requests)',
  500: ' (internal error)',
  502: ' (bad gateway)',
  503: ' (unavailable or sealed)',
}

export const isSuccess = (status: number): boolean => status >= 200 && status < 300

/** A token that is sent in a header. Throws StoreFailure. */
export function headerToken(value: unknown, what: string): string {
  if (typeof value === 'string' && /^[\x21-\x7e]{1,16384}$/.test(value)) return value
  throw new StoreFailure('store', `${what} is not one line of plain characters`)
}
