import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/**
 * The headers of a message (Standard Webhooks, github.com/standard-webhooks, "Signature scheme"): HMAC-SHA256 over id,
 * time and body.
 */
export function signWebhook(
  secret: Buffer,
  { id, at, body }: { readonly id: string; /** Milliseconds. */ readonly at: number; readonly body: string },
): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000))
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
}

/**
 * Whether a message is signed with the secret, as the one with this id, within five minutes of now; of several signatures one is enough.
 * A header that is there twice is none.
 */
export function isSignedWebhook(
  secret: Buffer,
  { id, now, body }: { readonly id: string; /** Milliseconds. */ readonly now: number; readonly body: string },
  headers: IncomingHttpHeaders,
): boolean {
  const timestamp = headers['webhook-timestamp']
  const signatures = headers['webhook-signature']
  if (headers['webhook-id'] !== id || typeof timestamp !== 'string' || typeof signatures !== 'string') return false
  const at = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) * 1000 : Number.NaN
  if (!(Math.abs(now - at) <= TOLERANCE_MS)) return false
  if (!SIGNATURES.test(signatures)) return false
  const expected = Buffer.from(signWebhook(secret, { id, at, body })['webhook-signature'] ?? '')
  return signatures.split(' ').some((signature) => {
    const given = Buffer.from(signature)
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
}

/** `whsec_` and base64 of 24 to 64 bytes; throws where it is something else. */
export function parseWebhookSecret(text: string): Buffer {
  const bytes = Buffer.from(text.replace(/^whsec_/, ''), 'base64')
  if (!text.startsWith('whsec_') || bytes.length < 24 || bytes.length > 64)
    throw new Error('expected whsec_ and base64 of 24 to 64 random bytes')
  return bytes
}

const TOLERANCE_MS = 300_000
/** Versions and values, separated by spaces. */
const SIGNATURES = /^v\w{1,3},[\w+/=-]{1,200}(?: v\w{1,3},[\w+/=-]{1,200}){0,9}$/
