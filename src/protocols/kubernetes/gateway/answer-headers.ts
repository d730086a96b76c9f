import { withoutHopByHop, type Header, type Headers } from '../../http/wire/headers.ts'

/** What passes of the API server's headers. Nothing that sets cookies, asks for a login or sends the client elsewhere is among them. */
export function passedAnswerHeaders(headers: Headers, isChanged: boolean): Header[] {
  return withoutHopByHop(headers).filter(([name, value]) => {
    // What is masked has another length, and is another version of the object than the validator was given for.
    if (isChanged && CHANGED.has(name)) return false
    if (name === 'location') return /^\/(?![/\\])[\x21-\x7e]*$/.test(value)
    return PASSED.has(name) || name.startsWith('x-kubernetes-pf-')
  })
}

const CHANGED = new Set(['content-length', 'etag', 'content-encoding'])
const PASSED = new Set([
  'allow',
  'audit-id',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'etag',
  'last-modified',
  'retry-after',
  'vary',
  'warning',
  'x-content-type-options',
])
