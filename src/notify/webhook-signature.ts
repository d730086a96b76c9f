import { createHmac } from 'node:crypto'

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

/** `whsec_` and base64 of 24 to 64 bytes; throws where it is something else. */
export function parseWebhookSecret(text: string): Buffer {
  const bytes = Buffer.from(text.replace(/^whsec_/, ''), 'base64')
  if (!text.startsWith('whsec_') || bytes.length < 24 || bytes.length > 64)
    throw new Error('expected whsec_ and base64 of 24 to 64 random bytes')
  return bytes
}
