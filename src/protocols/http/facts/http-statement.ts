import type { Statement } from '../../../policy/command.ts'
import type { HttpRequest } from '../request/http-request.ts'
import type { DescribedRequest } from './described-request.ts'

export interface HttpFacts {
  readonly type: 'http'
  readonly statements: readonly [HttpStatement]
}

/**
 * What one request does. `kinds` begins with its method in lower case; `reads` or `writes` is its path. What else it means only the service behind
 * knows, or its description says.
 */
export interface HttpStatement extends Statement {
  readonly type: 'http'
  readonly request: HttpRequest
  /** By the service's own description; undefined where there is none. */
  readonly described: DescribedRequest | undefined
}
