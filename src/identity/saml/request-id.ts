import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/**
 * IDs of our AuthnRequests say by themselves that they were made here, to which provider, and when: nothing has to be stored for whoever
 * opens the page of a sign-in, and the answer may come after a restart. `_`, 12 digits of the time in milliseconds, 32 random ones and 64
 * of an HMAC, all hexadecimal.
 */
export function newRequestId(key: Uint8Array, provider: string, now: number): string {
  const head = now.toString(16).padStart(12, '0') + randomBytes(16).toString('hex')
  return `_${head}${mac(key, provider, head)}`
}

/** Whether we made a request with this ID to this provider, not longer ago than `REQUEST_TIME_MS`. */
export function isOwnRequestId(id: string, key: Uint8Array, provider: string, now: number): boolean {
  const [, head = '', given = ''] = /^_([\da-f]{44})([\da-f]{64})$/.exec(id) ?? []
  if (head === '') return false
  const at = Number.parseInt(head.slice(0, 12), 16)
  return (
    timingSafeEqual(Buffer.from(given), Buffer.from(mac(key, provider, head))) &&
    at <= now &&
    now < at + REQUEST_TIME_MS
  )
}

const mac = (key: Uint8Array, provider: string, head: string): string =>
  createHmac('sha256', key)
    .update(JSON.stringify(['saml request', provider, head]))
    .digest('hex')

/** Milliseconds that somebody may take at the provider. */
export const REQUEST_TIME_MS = 600_000
