import { createLocalJWKSet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import type { Session } from '../../../../src/gateway/engine.ts'
import { assertionKeyOf, makeAssertionKey } from '../../../../src/protocols/http/assertion-key.ts'
import { signAssertion, withAssertions } from '../../../../src/protocols/http/gateway/assertions.ts'
import { identityOf } from '../../../../src/protocols/http/gateway/credential-headers.ts'
import type { HttpTarget } from '../../../../src/protocols/http/target.ts'

const key = assertionKeyOf(makeAssertionKey())
const keys = createLocalJWKSet({ keys: [{ ...key.jwk }] })
const person = { id: 'https://idp jane', label: 'jane@example.com', kind: 'person', groups: ['sre'] } as const
const assertion = { audience: 'https://billing', person, session: 'ses_1', withGroups: true }

describe('an assertion', () => {
  it('is verified by what the gateway publishes, and says who asks', async () => {
    const now = Date.now()
    const { payload, protectedHeader } = await jwtVerify(signAssertion(assertion, key, now), keys, {
      algorithms: ['EdDSA'],
      issuer: 'pam-gateway',
      audience: 'https://billing',
      requiredClaims: ['sub', 'exp', 'iat', 'jti'],
      maxTokenAge: 60,
    })
    expect(protectedHeader).toEqual({ alg: 'EdDSA', typ: 'JWT', kid: key.jwk.kid })
    expect(payload).toMatchObject({ sub: person.id, name: person.label, kind: 'person', groups: ['sre'], sid: 'ses_1' })
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60)
  })

  it('says nothing of groups unless it should', async () => {
    const { payload } = await jwtVerify(signAssertion({ ...assertion, withGroups: false }, key, Date.now()), keys)
    expect(payload).not.toHaveProperty('groups')
  })

  it.each([
    ['another audience', { audience: 'https://shop' }],
    ['another issuer', { issuer: 'other' }],
    ['a later time', { currentDate: new Date(Date.now() + 62_000) }],
  ])('is of no use for %s', async (_what, options) => {
    await expect(jwtVerify(signAssertion(assertion, key, Date.now()), keys, options)).rejects.toThrow()
  })

  it('is not one of another key', async () => {
    const other = assertionKeyOf(makeAssertionKey())
    await expect(jwtVerify(signAssertion(assertion, other, Date.now()), keys)).rejects.toThrow()
  })
})

describe('a session whose target wants assertions', () => {
  const sessionOf = (credential: HttpTarget['credential']): Session<HttpTarget> =>
    ({
      id: 'ses_1',
      person,
      config: { credential },
      lease: { user: 'gateway', password: undefined, release: () => Promise.resolve() },
    }) as unknown as Session<HttpTarget>

  it('sends another one with each request, and looks for it in answers', () => {
    const credential = { type: 'assertion', audience: 'a', groups: false } as const
    const { lease } = withAssertions(sessionOf(credential), key)
    const [first, second] = [identityOf(credential, lease), identityOf(credential, lease)]
    expect(first.headers).toEqual([['x-pam-assertion', expect.stringMatching(/^ey[\w-]+\.ey[\w-]+\.[\w-]+$/)]])
    expect(first.headers).not.toEqual(second.headers)
    expect(first.needles.length).toBeGreaterThan(0)
  })

  it('is as it is where the target wants something else', () => {
    const session = sessionOf(undefined)
    expect(withAssertions(session, undefined)).toBe(session)
  })
})
