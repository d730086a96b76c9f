import { randomUUID, sign } from 'node:crypto'
import type { CredentialLease } from '../../../credentials/credential.ts'
import type { Session } from '../../../gateway/engine.ts'
import type { AssertionKey } from '../assertion-key.ts'
import type { HttpTarget } from '../target.ts'

/** Who asks, as a service is told it. */
export interface Assertion {
  readonly audience: string
  readonly person: Session['person']
  /** The session's id. */
  readonly session: string
  readonly withGroups: boolean
}

/**
 * A JWT (RFC 7519) that says who asks, signed with EdDSA (RFC 8037, section 3.1). It is good for a minute: each request has its own. `now` is in
 * milliseconds.
 */
export function signAssertion(
  { audience, person, session, withGroups }: Assertion,
  key: AssertionKey,
  now: number,
): string {
  const issued = Math.floor(now / 1000)
  const signed = [
    { alg: 'EdDSA', typ: 'JWT', kid: key.jwk.kid },
    {
      iss: ISSUER,
      aud: audience,
      sub: person.id,
      name: person.label,
      kind: person.kind,
      ...(withGroups ? { groups: person.groups } : {}),
      sid: session,
      jti: randomUUID(),
      iat: issued,
      exp: issued + LIFE_SECONDS,
    },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${signed}.${sign(null, Buffer.from(signed), key.privateKey).toString('base64url')}`
}

/** A session whose credential, where that is an assertion, is made anew for each request. */
export function withAssertions(session: Session<HttpTarget>, key: AssertionKey | undefined): Session<HttpTarget> {
  const { credential } = session.config
  if (credential?.type !== 'assertion') return session
  if (key === undefined) throw new Error('there is no key to sign assertions with')
  const { audience, groups } = credential
  const { person, id } = session
  const lease = new AssertionLease(session.lease, () =>
    signAssertion({ audience, person, session: id, withGroups: groups }, key, Date.now()),
  )
  return { ...session, lease }
}

/** Its password is another one each time. */
class AssertionLease implements CredentialLease {
  readonly #lease: CredentialLease
  readonly #sign: () => string

  constructor(lease: CredentialLease, sign: () => string) {
    this.#lease = lease
    this.#sign = sign
  }

  get user(): string {
    return this.#lease.user
  }

  get password(): string {
    return this.#sign()
  }

  release(): ReturnType<CredentialLease['release']> {
    return this.#lease.release()
  }
}

const ISSUER = 'pam-gateway'
const LIFE_SECONDS = 60
