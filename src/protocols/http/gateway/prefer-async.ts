import { valuesOf, type Headers } from '../wire/headers.ts'

/**
 * How long a client waits before it wants to be told that its request goes on without it, in milliseconds: 0 for `respond-async` alone. Undefined where it waits
 * for the answer. Source: RFC 7240, sections 2, 4.1 and 4.3.
 */
export function asyncWaitOf(headers: Headers): number | undefined {
  const preferences = valuesOf(headers, 'prefer')
    .flatMap((value) => value.split(','))
    .map((preference) => (preference.split(';')[0] ?? '').trim().toLowerCase())
  if (!preferences.includes('respond-async')) return undefined
  // The first of several counts.
  const wait = preferences.find((preference) => /^wait\s*=/.test(preference))
  const [, seconds] = /^wait\s*=\s*"?(\d{1,6})"?$/.exec(wait ?? '') ?? []
  return Math.min(Number(seconds ?? 0) * 1000, MAX_WAIT_MS)
}

const MAX_WAIT_MS = 60_000
