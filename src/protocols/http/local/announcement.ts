import { createHash } from 'node:crypto'

/** What the agent tells the gateway of a local port in front of each connection. */
export interface Announcement {
  readonly port: number
  /** SHA-256 of the secret that each request must carry; undefined where clients have shown a certificate. */
  readonly digest: Buffer | undefined
}

export function encodeAnnouncement(port: number, secret: string | undefined): Buffer {
  return Buffer.from(`${MAGIC} ${port}${secret === undefined ? '' : ` ${digestOf(secret).toString('base64url')}`}\n`)
}

/**
 * The announcement in front of these bytes, and how many of them it takes; undefined while it is not whole, `none` where they begin with something
 * else.
 */
export function readAnnouncement(
  bytes: Buffer,
): { readonly announcement: Announcement; readonly taken: number } | 'none' | undefined {
  const end = bytes.indexOf('\n')
  if (end < 0 && bytes.length < MAX_LINE) return undefined
  const [, port, digest] = LINE.exec(bytes.subarray(0, Math.max(end, 0)).toString('latin1')) ?? []
  if (port === undefined) return 'none'
  return {
    announcement: { port: Number(port), digest: digest === undefined ? undefined : Buffer.from(digest, 'base64url') },
    taken: end + 1,
  }
}

export const digestOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()

const MAGIC = 'PAMCTL-PORT/1'
const LINE = /^PAMCTL-PORT\/1 (\d{1,5})(?: ([\w-]{43}))?$/
const MAX_LINE = 80
