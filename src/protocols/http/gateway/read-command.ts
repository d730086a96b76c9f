import { PamError } from '../../../shared/errors.ts'
import { factsOf, unreadFacts } from '../facts/facts-of.ts'
import type { HttpFacts } from '../facts/http-statement.ts'
import type { HttpRequest } from '../request/http-request.ts'
import { readRequest } from '../request/read-request.ts'
import type { RequestHead } from '../server/exchange.ts'
import type { Header } from '../wire/headers.ts'

/** A request with what is known of it. */
export interface HttpCommand {
  readonly head: Pick<RequestHead, 'method' | 'target' | 'headers'>
  /** Undefined where servers may read it in several ways. */
  readonly request: HttpRequest | undefined
  /** Those that go upstream. */
  readonly headers: readonly Header[]
  /** Undefined where the body is longer than what is read before the decision. */
  readonly bytes: Buffer | undefined
  readonly facts: HttpFacts
  /** Refused whatever policy says. */
  readonly refusal: PamError | undefined
}

const NO_WEBSOCKET = new PamError('FEATURE_REFUSED', 'WebSockets are not supported on targets of HTTP')

/** `passed`: its headers as they go upstream, or why they do not. */
export function readCommand(
  head: HttpCommand['head'],
  upgrade: string | undefined,
  bytes: Buffer | undefined,
  passed: readonly Header[] | PamError,
): HttpCommand {
  const request = readRequest(head, bytes, upgrade)
  const headers = passed instanceof PamError ? [] : passed
  if (request instanceof PamError)
    return {
      head,
      request: undefined,
      headers,
      bytes,
      facts: unreadFacts(head.method, request.message),
      refusal: request,
    }
  return {
    head,
    request,
    headers,
    bytes,
    facts: factsOf(request),
    refusal: request.upgrade !== undefined ? NO_WEBSOCKET : passed instanceof PamError ? passed : undefined,
  }
}
