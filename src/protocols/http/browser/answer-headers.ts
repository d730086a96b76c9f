import type { Header } from '../wire/headers.ts'
import { confinedCookie } from './cookies.ts'

/**
 * What a browser gets of an answer's headers, of those that any client may have (`passed`) and of the cookies that the target sets. A cookie stays with
 * the target's host. Every view of a page is a request of its own, decided on and recorded: nothing is shown out of a cache, and nobody on the
 * way keeps it.
 */
export function browserAnswerHeaders(passed: readonly Header[], setCookies: readonly string[]): Header[] {
  const isUnstored = passed.some(([name, value]) => name === 'cache-control' && /\bno-store\b/i.test(value))
  const cookies = setCookies.map(confinedCookie).filter((cookie) => cookie !== undefined)
  return [
    ...passed.filter(([name]) => !DROPPED.has(name)),
    ...cookies.map((cookie): Header => ['set-cookie', cookie]),
    ['cache-control', isUnstored ? 'no-store' : 'private, no-cache'],
    // The target's own might speak of all hosts below its name.
    ['strict-transport-security', 'max-age=31536000'],
  ]
}

/**
 * Of caches; what would ask the browser for more of itself, let a worker answer in place of the gateway, or have pages fetched before anybody wants
 * them.
 */
const DROPPED: ReadonlySet<string> = new Set([
  'cache-control',
  'cdn-cache-control',
  'surrogate-control',
  'expires',
  'pragma',
  'age',
  'accept-ch',
  'critical-ch',
  'service-worker-allowed',
  'speculation-rules',
  'set-login',
  'use-as-dictionary',
])
