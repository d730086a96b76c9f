import { generateKeyPairSync } from 'node:crypto'
import { exportJWK, SignJWT, type JWTHeaderParameters } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { identityVerifier, type IdentityVerifier, type ProvenIdentity } from '../../src/identity/identity-token.ts'
import { issuerSchema } from '../../src/identity/issuer.ts'

const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const NOW = 1_800_000_000
const URL_OF_ISSUER = 'https://idp.example.com'
const PEOPLE = { url: URL_OF_ISSUER, for: 'people', clientId: 'pamctl' }
const SERVICES = {
  url: URL_OF_ISSUER,
  for: 'services',
  audience: 'pam',
  requireSubject: 'repo:a',
  requireClaims: { ref: 'main', env: 'prod' },
}
const LOGOUT = { 'http://schemas.openid.net/event/backchannel-logout': {} }
const invalid = { code: 'TOKEN_INVALID' }

let jwk: object
beforeAll(async () => {
  jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k', alg: 'ES256' }
})

function verifierOf(issuers: readonly object[], metadata: object = {}): IdentityVerifier {
  const answers = async (input: string | URL | Request): Promise<Response> =>
    Response.json(
      String(input).endsWith('/jwks')
        ? { keys: [jwk] }
        : { issuer: URL_OF_ISSUER, jwks_uri: `${URL_OF_ISSUER}/jwks`, ...metadata },
    )
  return identityVerifier(
    issuers.map((given) => ({ ...issuerSchema.parse(given), authority: undefined, fetch: answers })),
  )
}

const sign = (claims: object, header: Partial<JWTHeaderParameters> = {}): Promise<string> =>
  new SignJWT({ iss: URL_OF_ISSUER, sub: '1', iat: NOW, exp: NOW + 300, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'k', ...header })
    .sign(keys.privateKey)
const person = async (claims: object = {}, header: object = {}, issuer: object = PEOPLE): Promise<ProvenIdentity> =>
  verifierOf([issuer]).verify(await sign({ aud: 'pamctl', ...claims }, header), NOW * 1000)
const service = async (claims: object = {}, header: object = {}): Promise<ProvenIdentity> =>
  verifierOf([SERVICES]).verify(
    await sign({ aud: 'pam', sub: 'repo:a', ref: 'main', env: 'prod', ...claims }, header),
    NOW * 1000,
  )

describe('the identity token of a person', () => {
  it('names them by issuer and subject, and an address only where the issuer has verified it', async () => {
    expect(await person({ email: 'Jane@Example.com', email_verified: true, groups: ['a', 7] })).toMatchObject({
      id: `${URL_OF_ISSUER}|1`,
      kind: 'person',
      label: 'Jane@Example.com',
      email: 'jane@example.com',
      groups: ['a'],
      authTime: undefined,
    })
    for (const email_verified of [undefined, false, 'true', 1])
      expect(await person({ email: 'jane@example.com', email_verified })).toMatchObject({ email: undefined })
  })

  it('has no groups but those that are known, where they are listed', async () => {
    const issuer = { ...PEOPLE, groups: ['everybody'], knownGroups: ['a'] }
    expect((await person({ groups: ['a', 'admins'] }, {}, issuer)).groups).toEqual(['everybody', 'a'])
  })

  it.each<[string, object, object]>([
    ['for another audience', { aud: 'other' }, {}],
    ['for us among others, to nobody in particular', { aud: ['pamctl', 'other'] }, {}],
    ['for us among others, to another client', { aud: ['pamctl', 'other'], azp: 'other' }, {}],
    ['for us, to another client', { azp: 'other' }, {}],
    ['issued in the future', { iat: NOW + 31 }, {}],
    ['of a sign-in in the future', { auth_time: NOW + 31 }, {}],
    ['that is an access token by its type (RFC 9068)', {}, { typ: 'at+jwt' }],
    ['that is an access token by its media type', {}, { typ: 'application/at+jwt' }],
    ['that is a logout token by its type', {}, { typ: 'logout+jwt' }],
    ['that is about events', { events: LOGOUT }, {}],
    ['without a subject', { sub: undefined }, {}],
  ])('is refused: one %s', async (_, claims, header) => {
    await expect(person(claims, header)).rejects.toMatchObject(invalid)
  })

  it.each<[string, object, object]>([
    ['for us among others, issued to us', { aud: ['pamctl', 'other'], azp: 'pamctl' }, {}],
    ['for us, issued to us', { azp: 'pamctl' }, {}],
    ['of a clock that is a little ahead', { iat: NOW + 30, auth_time: NOW + 30 }, {}],
    ['that says it is a JWT', {}, { typ: 'JWT' }],
  ])('is taken: one %s', async (_, claims, header) => {
    expect(await person(claims, header)).toMatchObject({ kind: 'person' })
  })

  it('expires', async () => {
    await expect(person({ exp: NOW - 31 })).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' })
  })

  it('is signed with an algorithm that is taken from this issuer', async () => {
    await expect(person({}, {}, { ...PEOPLE, algorithms: ['RS256'] })).rejects.toMatchObject(invalid)
  })

  it('is not checked with keys of metadata that name another issuer', async () => {
    const verifier = verifierOf([PEOPLE], { issuer: 'https://other.example.com' })
    await expect(verifier.verify(await sign({ aud: 'pamctl' }), NOW * 1000)).rejects.toMatchObject({
      code: 'ISSUER_UNREACHABLE',
    })
  })
})

describe('the identity token of a service', () => {
  it('is taken where subject and claims are those required', async () => {
    expect(await service()).toMatchObject({ kind: 'service', id: `${URL_OF_ISSUER}|repo:a` })
    expect(await service({}, { typ: 'at+jwt' })).toMatchObject({ kind: 'service' })
  })

  it.each<[string, object]>([
    ['another subject', { sub: 'repo:b' }],
    ['one of two claims that is another', { env: 'test' }],
    ['one of two claims that is missing', { ref: undefined }],
  ])('is refused with %s', async (_, claims) => {
    await expect(service(claims)).rejects.toMatchObject(invalid)
  })

  it('of an issuer of both is told from that of a person by its audience', async () => {
    const verifier = verifierOf([PEOPLE, SERVICES])
    const of = async (claims: object) =>
      (await verifier.verify(await sign({ ref: 'main', env: 'prod', ...claims }), NOW * 1000)).kind
    expect(await of({ aud: 'pam', sub: 'repo:a' })).toBe('service')
    expect(await of({ aud: 'pamctl' })).toBe('person')
    await expect(of({ aud: 'pam' })).rejects.toMatchObject(invalid)
    await expect(of({ aud: 'other' })).rejects.toMatchObject(invalid)
    await expect(of({ aud: 'pamctl', iss: 'https://other.example.com' })).rejects.toMatchObject({
      code: 'ISSUER_UNTRUSTED',
    })
  })
})

describe('a logout token', () => {
  const logout = async (claims: object = {}, header: object = {}, issuers: readonly object[] = [PEOPLE], now = NOW) =>
    verifierOf(issuers).verifyLogout(
      await sign({ aud: 'pamctl', jti: 'j1', events: LOGOUT, ...claims }, header),
      now * 1000,
    )

  it('says who has logged out, of which session', async () => {
    expect(await logout({ sid: 's1' }, { typ: 'logout+jwt' })).toMatchObject({ subject: '1', session: 's1', jti: 'j1' })
  })

  it.each<[string, object, object]>([
    ['with a nonce, as identity tokens have', { nonce: 'n' }, {}],
    ['without events', { events: undefined }, {}],
    ['about another event', { events: { other: {} } }, {}],
    ['without an id', { jti: undefined }, {}],
    ['with an empty id', { jti: '' }, {}],
    ['of nobody', { sub: undefined }, {}],
    ['of another type', {}, { typ: 'at+jwt' }],
    ['that is valid for longer than a day', { exp: NOW + 86_401 }, {}],
    ['issued in the future', { iat: NOW + 31 }, {}],
    ['for another client', { aud: 'other' }, {}],
  ])('is refused: one %s', async (_, claims, header) => {
    await expect(logout(claims, header)).rejects.toMatchObject(invalid)
  })

  it('is refused once it is a day old, whatever it says of its end', async () => {
    const claims = { iat: NOW, exp: NOW + 86_400 }
    expect(await logout(claims, {}, [PEOPLE], NOW + 86_400)).toMatchObject({ jti: 'j1' })
    await expect(logout(claims, {}, [PEOPLE], NOW + 86_401)).rejects.toMatchObject(invalid)
  })

  it('of services there is none', async () => {
    await expect(logout({ aud: 'pam', sub: 'repo:a' }, {}, [SERVICES])).rejects.toMatchObject(invalid)
  })
})
