import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { beginSignIn, finishSignIn, type WebClient } from '../../src/identity/web-sign-in.ts'
import { startFakeProvider, type FakeProvider } from '../helpers/fake-provider.ts'

const redirectUri = 'https://pam.example.com/auth/callback'
let provider: FakeProvider
let client: WebClient
beforeAll(async () => {
  provider = await startFakeProvider()
  client = { issuer: provider.url, clientId: 'pamctl', scopes: ['openid'], fetch }
})
afterAll(() => provider.close())

describe('the code flow of a browser', () => {
  it('sends a state, a nonce and a challenge of its own each time', async () => {
    const urls = await Promise.all(
      [1, 2].map(async () => new URL((await beginSignIn(client, { redirectUri, fresh: false })).url)),
    )
    for (const name of ['state', 'nonce', 'code_challenge']) {
      const [one, two] = urls.map((url) => url.searchParams.get(name) ?? '')
      expect([name, one?.length]).toEqual([name, 43])
      expect(one).not.toBe(two)
    }
    expect(urls[0]?.searchParams.get('code_challenge_method')).toBe('S256')
  })

  it.each<[string, (nonce: string) => object, string | undefined]>([
    ['with the nonce of this sign-in', (nonce) => ({ nonce }), undefined],
    ['with the nonce of another one', () => ({ nonce: 'x'.repeat(43) }), 'TOKEN_INVALID'],
    ['without a nonce', () => ({}), 'TOKEN_INVALID'],
    ['for another client', (nonce) => ({ nonce, aud: 'other' }), 'TOKEN_INVALID'],
    ['of another issuer', (nonce) => ({ nonce, iss: 'https://evil.example' }), 'TOKEN_INVALID'],
  ])('a token %s', async (_what, claims, code) => {
    const { pending } = await beginSignIn(client, { redirectUri, fresh: false })
    provider.claims = claims(pending.nonce) as never
    const answer = new URL(`${redirectUri}?code=c&state=${pending.state}`)
    const finishing = finishSignIn(client, answer, pending, redirectUri)
    if (code !== undefined) return expect(finishing).rejects.toMatchObject({ code })
    expect((await finishing).identityToken).toMatch(/^eyJ/)
    expect(provider.asked.at(-1)?.get('code_verifier')).toBe(pending.verifier)
  })

  it.each<[string, readonly [number, string], string]>([
    ['a refusal', [400, '{"error":"invalid_grant"}'], 'SIGN_IN_DENIED'],
    ['an overloaded provider', [503, '{"error":"invalid_grant"}'], 'ISSUER_UNREACHABLE'],
    ['a proxy in between', [502, '<html>'], 'ISSUER_UNREACHABLE'],
    ['no token', [200, '{"access_token":"x","token_type":"bearer"}'], 'TOKEN_INVALID'],
  ])('%s is reported as such', async (_what, how, code) => {
    const { pending } = await beginSignIn(client, { redirectUri, fresh: false })
    provider.answers = [how]
    const answer = new URL(`${redirectUri}?code=c&state=${pending.state}`)
    await expect(finishSignIn(client, answer, pending, redirectUri)).rejects.toMatchObject({ code })
  })

  it.each([
    ['/.well-known/openid-configuration', 'an address of the metadata'],
    ['/', 'with a slash more'],
  ])('an issuer whose metadata name another issuer is not trusted: %s', async (end) => {
    await expect(
      beginSignIn({ ...client, issuer: provider.url + end }, { redirectUri, fresh: false }),
    ).rejects.toMatchObject({ code: 'ISSUER_UNREACHABLE' })
  })
})
