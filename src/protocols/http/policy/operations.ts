import type { CheckPattern } from '../../../policy/patterns.ts'
import type { DescribedOperation, DescribedRequest } from '../facts/described-request.ts'

/** Names of operations and tags, as the OpenAPI document has them. */
export const checkName: CheckPattern = (pattern) =>
  /^\S(?:.*\S)?$/.test(pattern)
    ? undefined
    : `"${pattern}": expected a name as the document has it, without blanks around it`

/**
 * Whether a request is of such an operation. `surely`: so are all that a server may take it for; otherwise one of them is, and one that the description does not
 * have may be any.
 */
export function matchesDescribed(
  described: DescribedRequest | undefined,
  surely: boolean,
  matches: (operation: DescribedOperation) => boolean,
): boolean {
  if (described === undefined) return false
  const { operation, alternatives } = described
  if (operation === undefined) return !surely
  return surely ? [operation, ...alternatives].every(matches) : [operation, ...alternatives].some(matches)
}
