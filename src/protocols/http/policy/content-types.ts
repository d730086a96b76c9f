import type { CheckPattern } from '../../../policy/patterns.ts'
import { matchesGlob } from '../../../shared/glob.ts'
import type { HttpRequest } from '../request/http-request.ts'
import { fold } from './alike.ts'

/** `application/json`, `image/*`. */
export const checkContentType: CheckPattern = (pattern) =>
  /^[a-z0-9!#$&^_.+-]+\/(?:[a-z0-9!#$&^_.+-]+|\*)$/.test(pattern)
    ? undefined
    : `"${pattern}": expected a type such as application/json or image/*, in lower case, without parameters`

/**
 * Whether a body is of such a type. `surely`: it says so, in the same letters. Otherwise: whether any server may take it so, many of which look at no more than a
 * part of the type, or at the body alone.
 */
export function matchesContentType(
  pattern: string,
  { contentType, body }: Pick<HttpRequest, 'contentType' | 'body'>,
  surely: boolean,
): boolean {
  if (body.type === 'none') return false
  if (matchesGlob(pattern, contentType)) return true
  if (surely) return false
  const type = fold(contentType)
  // Without a type, servers take what they expect.
  if (type === '' || matchesGlob(pattern, type)) return true
  const format = formatOf(pattern)
  if (format === undefined) return GENERIC.test(type)
  return format === formatOf(type) || mayHold(format, body)
}

type Format = 'json' | 'xml' | 'form' | 'parts' | 'yaml'

/** By any part of the type: `application/vnd.api+json`, `text/x-json`. */
const formatOf = (type: string): Format | undefined => FORMATS.find(([, pattern]) => pattern.test(type))?.[0]

/** Whether a server that looks at the body alone may read it in this format. What has not been read may be in any. */
function mayHold(format: Format, body: HttpRequest['body']): boolean {
  switch (body.type) {
    case 'none':
      return false
    case 'json':
      // It is YAML as well.
      return format === 'json' || format === 'yaml'
    case 'form':
      return format === 'form' || format === 'parts'
    case 'opaque':
      return body.looksLike === 'any' || body.looksLike === format
    case 'long':
      return true
  }
}

const FORMATS: readonly (readonly [Format, RegExp])[] = [
  ['json', /json/],
  ['xml', /xml|soap/],
  ['yaml', /yaml|yml/],
  ['form', /urlencoded/],
  ['parts', /^multipart\//],
]
/** It says nothing of what is in it. */
const GENERIC = /^(?:text\/plain|(?:application|binary)\/(?:octet-stream|x-unknown|unknown))$/
