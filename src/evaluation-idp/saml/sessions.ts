import { randomBytes } from 'node:crypto'

/** Somebody who has signed in at the provider. Times are in milliseconds. */
export interface Session {
  readonly personId: string
  readonly authnInstant: number
  /** What the service knows it by. */
  readonly index: string
  readonly endsAt: number
}

/** The sessions of browsers, each known by a cookie; in memory, and the newest thousand at the most. */
export class Sessions {
  readonly #sessions = new Map<string, Session>()

  begin(personId: string, now: number): { readonly session: Session; readonly cookie: string } {
    const secret = randomBytes(32).toString('base64url')
    const session = {
      personId,
      authnInstant: now,
      index: randomBytes(16).toString('hex'),
      endsAt: now + LIFE_MS,
    }
    this.#sessions.set(secret, session)
    for (const [oldest] of this.#sessions) {
      if (this.#sessions.size <= MAX_SESSIONS) break
      this.#sessions.delete(oldest)
    }
    return { session, cookie: `${NAME}=${secret}; Path=/saml; HttpOnly; SameSite=Lax` }
  }

  /** Of the browser that sends these cookies. */
  find(cookies: string | undefined, now: number): Session | undefined {
    const session = this.#sessions.get(secretOf(cookies))
    return session !== undefined && session.endsAt > now ? session : undefined
  }

  /** Ends it; undefined where there is none. */
  end(cookies: string | undefined, now: number): Session | undefined {
    const session = this.find(cookies, now)
    this.#sessions.delete(secretOf(cookies))
    return session
  }
}

const secretOf = (cookies = ''): string => new RegExp(`(?:^|; )${NAME}=([\\w-]{43})(?:;|$)`).exec(cookies)?.[1] ?? ''

/** Cookies know no ports: those of the gateway on the same host have other names. */
const NAME = 'pam_evaluation_saml'
const LIFE_MS = 12 * 3_600_000
const MAX_SESSIONS = 1000
