import type { CheckPattern } from '../../../policy/patterns.ts'
import { parsePointerPattern } from '../../../shared/field-path.ts'
import type { DescribedRequest } from '../facts/described-request.ts'
import { checkName, matchesDescribed } from './operations.ts'
import { checkRoute, matchesRoute } from './routes.ts'

/** What masking rules name in answers: `/customers/{id}:/contact/email`, `getCustomer:/contact/email`, `*:/email`. */
export const checkField: CheckPattern = (field) => {
  const owner = parsePointerPattern(field)?.owner
  if (owner === undefined)
    return `"${field}": expected ROUTE:POINTER such as /customers/{id}:/contact/email, with a JSON Pointer (RFC 6901), or OPERATION:POINTER; *:POINTER for any route`
  if (owner === '*') return undefined
  if (owner.startsWith('/')) return checkRoute(owner)
  if (owner.includes('{') && !UNNAMED.test(owner)) return `"${field}": a route must begin with a slash`
  return checkName(owner)
}

/** The operation that a field is of; undefined for one of a route, of any route, or of another protocol. */
export function operationOf(field: string): string | undefined {
  const owner = parsePointerPattern(field)?.owner
  return owner === undefined || owner === '*' || owner.startsWith('/') ? undefined : owner
}

/** Whose answer is masked. */
export interface AnsweredRequest {
  /** Of the path; undefined where that could not be read. */
  readonly segments: readonly string[] | undefined
  /** By the target's OpenAPI document; undefined where there is none. */
  readonly described: DescribedRequest | undefined
}

/** Whether fields of an owner may be in the answer: some server may take the request for one on that route, or of that operation. */
export function mayHaveFieldsOf(owner: string, { segments, described }: AnsweredRequest): boolean {
  if (owner === '*' || segments === undefined) return true
  return owner.startsWith('/')
    ? matchesRoute(owner, segments, false)
    : matchesDescribed(described, false, ({ name }) => name === owner)
}

/** How an operation without an `operationId` is called: `GET /customers/{id}`. */
const UNNAMED = /^[A-Z]+ \//
