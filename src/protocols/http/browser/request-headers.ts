import { PamError } from '../../../shared/errors.ts'
import { wordList } from '../../../shared/word-list.ts'
import { passedHeaders } from '../request/read-headers.ts'
import { valueOf, valuesOf, type Header, type Headers } from '../wire/headers.ts'
import { withoutOwnCookies } from './cookies.ts'

export interface BrowserOrigins {
  /** Of the target's host at the gateway, as the browser knows it: `https://grafana.apps.example.com`. */
  readonly shown: string
  /** Of the target itself: `https://grafana.internal`. */
  readonly target: string
}

/**
 * What passes of a browser's headers: those of any client, and a list of those that browsers alone send. `Origin` and `Referer` name the target's own
 * origin, with which services compare them; those of any other page are left out. What a browser adds by itself and services need not know is left
 * out, too; what a page has added and nobody knows is refused.
 */
export function browserHeaders(
  headers: Headers,
  ownNames: readonly string[],
  { shown, target }: BrowserOrigins,
): Header[] | PamError {
  if (valuesOf(headers, 'authorization').length > 0)
    return new PamError(
      'FEATURE_REFUSED',
      'the header authorization is not passed on: the gateway signs in to the target',
    )
  if (valuesOf(headers, 'cookie').length > 1)
    return new PamError('PROTOCOL_VIOLATION', 'the header cookie is given more than once')
  const common = headers.filter(([name]) => !PASSED.has(name) && !DROPPED.test(name) && name !== 'cookie')
  const passed = passedHeaders(common, ownNames)
  if (passed instanceof PamError) return passed
  const cookie = valueOf(headers, 'cookie')
  const cookies = cookie === undefined ? undefined : withoutOwnCookies(cookie)
  const referer = valueOf(headers, 'referer')
  const own: (readonly [string, string | undefined])[] = [
    ['cookie', cookies],
    ['origin', valueOf(headers, 'origin') === shown ? target : undefined],
    ['referer', referer === undefined ? undefined : ofTarget(referer, shown, target)],
  ]
  return [
    ...passed,
    ...headers.filter(([name]) => PASSED.has(name)),
    ...own.flatMap(([name, value]): Header[] => (value === undefined ? [] : [[name, value]])),
  ]
}

/** A URL of the host as one of the target; undefined for any other. */
function ofTarget(url: string, shown: string, target: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { origin, pathname, search } = new URL(url)
  return origin === shown ? `${target}${pathname}${search}` : undefined
}

/** Names by which frameworks have their own scripts say that a request is theirs, and what browsers say of where it comes from. */
const PASSED = new Set(
  wordList(`
    sec-fetch-site sec-fetch-mode sec-fetch-dest sec-fetch-user sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-gpc
    x-csrf-token x-csrftoken x-xsrf-token
  `),
)
/** Written anew, or of no use: hints about the device, and wishes for another scheme. */
const DROPPED =
  /^(?:origin|referer|sec-ch-.*|upgrade-insecure-requests|sec-purpose|purpose|save-data|dpr|device-memory|viewport-width|width|downlink|ect|rtt|available-dictionary)$/
