import type { CheckPattern } from '../../../policy/patterns.ts'
import { parsePointerPattern } from '../../../shared/field-path.ts'
import { checkRoute } from './routes.ts'

/** What masking rules name in answers: `/customers/{id}:/contact/email`, `*:/email`. */
export const checkField: CheckPattern = (field) => {
  const pointer = parsePointerPattern(field)
  if (pointer === undefined)
    return `"${field}": expected ROUTE:POINTER such as /customers/{id}:/contact/email, with a JSON Pointer (RFC 6901); *:POINTER for any route`
  return pointer.owner === '*' ? undefined : checkRoute(pointer.owner)
}
