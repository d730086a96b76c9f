import { isStreamed, type UpstreamRequest } from './answer.ts'

/**
 * Whether a request has a connection of its own, which ends with it. Some servers leave a body that they have no use for unread (`http.server` of Python, with
 * `GET`): on a connection that stays they take it for the next request, which nobody has decided on. So a body stays on one only where nothing in it could begin a
 * request: a method and a blank, or a version behind a blank, of whatever readers take for one, and in whichever letters.
 */
export function goesAlone({ once, body }: Pick<UpstreamRequest, 'once' | 'body'>): boolean {
  if (once === true || isStreamed(body)) return true
  if (body === undefined || body.length === 0) return false
  const text = body.toString('latin1')
  return METHOD.test(text) || VERSION.test(text) || SIMPLE.test(text)
}

// eslint-disable-next-line no-control-regex
const METHOD = /[A-Z]{3}[\s\u001c-\u001f\u0085]/
// eslint-disable-next-line no-control-regex
const VERSION = /[\s\u001c-\u001f\u0085]http\//i
/** A method and a path, without a version (HTTP/0.9). */
// eslint-disable-next-line no-control-regex
const SIMPLE = /[a-z]{3}[\s\u001c-\u001f\u0085]+\//i
