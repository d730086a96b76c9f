import type { HttpRequest } from '../request/http-request.ts'
import type { HttpFacts } from './http-statement.ts'

export function factsOf(request: HttpRequest): HttpFacts {
  const { method, path, upgrade } = request
  const isSafe = SAFE.has(method) && upgrade === undefined
  return {
    type: 'http',
    statements: [
      {
        type: 'http',
        kinds: [method.toLowerCase(), ...(upgrade === undefined ? [] : [upgrade])],
        reads: isSafe ? [path] : [],
        writes: isSafe ? [] : [path],
        unknown: [],
        request,
        operation: '',
        tags: [],
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
          body: { type: 'opaque', reason: why },
          upgrade: undefined,
        },
        operation: '',
        tags: [],
      },
    ],
  }
}

/** Source: RFC 9110, section 9.2.1. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])
