import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** The cookies of one request by name (RFC 6265 section 5.4); the first of a name counts. */
export function parseCookies(header: string | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const part of (header ?? '').split(';')) {
    const at = part.indexOf('=')
    if (at < 0) continue
    const name = part.slice(0, at).trim()
    if (!found.has(name)) found.set(name, part.slice(at + 1).trim())
  }
  return found
}

export interface CookieOptions {
  readonly secure: boolean
  readonly sameSite: 'Strict' | 'Lax'
  readonly path: string
  /** Milliseconds; 0 takes the cookie away. */
  readonly maxAge: number
}

/** A Set-Cookie header; scripts never see it. */
export const setCookie = (name: string, value: string, { secure, sameSite, path, maxAge }: CookieOptions): string =>
  `${name}=${value}; Path=${path}; Max-Age=${Math.floor(maxAge / 1000)}; HttpOnly; SameSite=${sameSite}${secure ? '; Secure' : ''}`

/** A name that only this host can have set (RFC 6265bis section 4.1.3), where the browser will take it. */
export const sessionCookieName = (secure: boolean): string => (secure ? '__Host-pam_session' : 'pam_session')

export const newCookieSecret = (): string => randomBytes(32).toString('base64url')

/** What the store knows a browser by: the cookie itself stands nowhere. */
export const webSessionId = (secret: string): string => createHash('sha256').update(`session ${secret}`).digest('hex')

/** Goes with every change a page makes. It is made of the cookie, so only pages that could ask for it have it. */
export const csrfToken = (secret: string): string => createHmac('sha256', secret).update('csrf').digest('base64url')

export function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** AES-256-GCM under a key made of `secret`; base64url of nonce, tag and ciphertext. */
export const seal = (text: string, secret: string | Uint8Array, purpose: string): string =>
  sealUnder(text, sealingKey(secret, purpose))

/** Undefined where it was not sealed so. */
export const unseal = (sealed: string, secret: string | Uint8Array, purpose: string): string | undefined =>
  unsealUnder(sealed, sealingKey(secret, purpose))

/** What `seal` seals under: it opens what was sealed for this purpose, and nobody can tell the secret by it. */
export const sealingKey = (secret: string | Uint8Array, purpose: string): Buffer =>
  createHmac('sha256', secret).update(`seal ${purpose}`).digest()

export function sealUnder(text: string, key: Uint8Array): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')
}

export function unsealUnder(sealed: string, key: Uint8Array): string | undefined {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length < 28) return undefined
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
    decipher.setAuthTag(bytes.subarray(12, 28))
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
  } catch {
    return undefined
  }
}
