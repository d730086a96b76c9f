import { PamError } from '../../../shared/errors.ts'
import { factsOf, unreadFacts } from '../facts/facts-of.ts'
import type { HttpFacts } from '../facts/http-statement.ts'
import type { ServiceDescription } from '../openapi/service-description.ts'
import type { HttpRequest } from '../request/http-request.ts'
import { readRequest } from '../request/read-request.ts'
import type { RequestHead } from '../server/exchange.ts'
import { subprotocolHeader, type Handshake } from '../websocket/handshake.ts'
import type { Header } from '../wire/headers.ts'

/** A request with what is known of it. */
export interface HttpCommand {
  readonly head: Pick<RequestHead, 'version' | 'method' | 'target' | 'headers'>
  /** Undefined where servers may read it in several ways. */
  readonly request: HttpRequest | undefined
  /** Those that go upstream. */
  readonly headers: readonly Header[]
  /** Those that go upstream behind `bytes`. */
  readonly trailers: readonly Header[]
  /** Undefined where the body is longer than what is read before the decision. */
  readonly bytes: Buffer | undefined
  readonly facts: HttpFacts
  /** Of a request for a WebSocket that was read in full. */
  readonly handshake?: Handshake
  /** Refused whatever policy says. */
  readonly refusal: PamError | undefined
}

/** What a request is read by, besides itself. */
export interface ReadingOptions {
  /** Its headers as they go upstream, without those of a handshake, or why they do not. */
  readonly passed: readonly Header[] | PamError
  /** What follows the body, where that is read. */
  readonly trailers?: readonly Header[] | PamError
  /** The target's own, where it has one. */
  readonly description: ServiceDescription | undefined
  /** As the target says. */
  readonly encodedSlashes: boolean
  readonly maxBody: number
}

export function readCommand(
  head: HttpCommand['head'],
  upgrade: string | undefined,
  bytes: Buffer | undefined,
  { passed, trailers: late = [], description, encodedSlashes, maxBody }: ReadingOptions,
): HttpCommand {
  const request = readRequest(head, bytes, upgrade, { encodedSlashes, maxBody })
  const isWebSocket = !(request instanceof PamError) && request.upgrade !== undefined
  const headers = passed instanceof PamError ? [] : [...passed, ...(isWebSocket ? subprotocolHeader(head.headers) : [])]
  const trailers = late instanceof PamError ? [] : late
  if (request instanceof PamError)
    return {
      head,
      request: undefined,
      headers,
      trailers,
      bytes,
      facts: unreadFacts(head.method, request.message),
      refusal: request,
    }
  const described = description?.describe(request)
  const isMisspelt = described !== undefined && 'refused' in described
  return {
    head,
    request,
    headers,
    trailers,
    bytes,
    facts: isMisspelt ? unreadFacts(head.method, described.refused) : factsOf(request, described),
    refusal: isMisspelt ? misspelt(described.refused) : [passed, late].find((one) => one instanceof PamError),
  }
}

const misspelt = (reason: string): PamError =>
  new PamError('SYNTAX_ERROR', reason, { hint: 'write the path as the OpenAPI document does' })
