import type { HttpRequest } from '../request/http-request.ts'
import type { DescribedRequest } from './described-request.ts'
import type { HttpFacts } from './http-statement.ts'

/** `described`: what the service's own description says of it, where there is one. */
export function factsOf(request: HttpRequest, described: DescribedRequest | undefined): HttpFacts {
  const { method, path, upgrade, grpc } = request
  const isReading = SAFE.has(method) && upgrade === undefined
  const isSafe = isReading && isCalledSafe(described)
  return {
    type: 'http',
    statements: [
      {
        type: 'http',
        kinds: [
          method.toLowerCase(),
          ...(upgrade === undefined ? [] : [upgrade]),
          ...(grpc === undefined ? [] : ['grpc']),
          ...(isReading && !isSafe ? ['unsafe'] : []),
        ],
        reads: isSafe ? [path] : [],
        writes: isSafe ? [] : [path],
        unknown: described?.unknown === undefined ? [] : [described.unknown],
        request,
        described,
      },
    ],
  }
}

/** Of a request of which not even the path can be read. */
export function unreadFacts(method: string, why: string): HttpFacts {
  return {
    type: 'http',
    statements: [
      {
        type: 'http',
        kinds: [method.toLowerCase()],
        reads: [],
        writes: [],
        unknown: [why],
        request: {
          method,
          path: '',
          segments: [],
          query: [],
          contentType: '',
          body: { type: 'opaque', reason: why, looksLike: 'any' },
          grpc: undefined,
          upgrade: undefined,
        },
        described: undefined,
      },
    ],
  }
}

/** Where there is a description, it must know a request, and say of all that it may be that it changes nothing. */
const isCalledSafe = (described: DescribedRequest | undefined): boolean =>
  described === undefined ||
  (described.operation?.isSafe === true && described.alternatives.every(({ isSafe }) => isSafe))

/** Source: RFC 9110, section 9.2.1. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])
