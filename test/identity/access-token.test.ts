import { generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { accessTokens, type AccessTokens } from '../../src/identity/access-token.ts'

const NOW = 1_790_000_000_000
const keys = generateKeyPairSync('ed25519')
let tokens: AccessTokens
beforeEach(() => (tokens = accessTokens({ ...keys }, 'gateway')))

describe('an access token', () => {
  it('names its login and key until it expires, however often it is presented', async () => {
    const claims = { login: 'log_1', thumbprint: 'key' }
    const { token, expiresAt } = await tokens.mint(claims, NOW)
    for (const at of [NOW, NOW + 1, expiresAt - 1]) expect(await tokens.verify(token, at)).toEqual(claims)
    for (const at of [expiresAt, expiresAt + 1])
      await expect(tokens.verify(token, at)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' })
    // Of a clock that goes back it is as valid as it was.
    expect(await tokens.verify(token, NOW)).toEqual(claims)
  })

  it('is verified once, and the cached result is used for no other', async () => {
    const pair = { ...keys }
    tokens = accessTokens(pair, 'gateway')
    const { token } = await tokens.mint({ login: 'log_1', thumbprint: 'key' }, NOW)
    const { token: other } = await tokens.mint({ login: 'log_2', thumbprint: 'key' }, NOW)
    await tokens.verify(token, NOW)
    pair.publicKey = generateKeyPairSync('ed25519').publicKey
    expect(await tokens.verify(token, NOW)).toMatchObject({ login: 'log_1' })
    // The last letters of a signature may be any, also those that would be put there.
    const otherFirst = (text: string): string => `${text.startsWith('A') ? 'B' : 'A'}${text.slice(1)}`
    const [header, payload, signature] = token.split('.') as [string, string, string]
    const [, payloadOfOther] = other.split('.') as [string, string]
    for (const forged of [
      other,
      `${header}.${payloadOfOther}.${signature}`,
      `${header}.${payload}.${otherFirst(signature)}`,
      `${header}.${payload}.`,
      `${token} `,
      '',
    ])
      await expect(tokens.verify(forged, NOW)).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
  })

  it('that was refused is not cached', async () => {
    const { token, expiresAt } = await tokens.mint({ login: 'log_1', thumbprint: 'key' }, NOW)
    await expect(tokens.verify(token, expiresAt)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' })
    await expect(accessTokens({ ...keys }, 'another').verify(token, NOW)).rejects.toMatchObject({
      code: 'TOKEN_INVALID',
    })
    expect(await tokens.verify(token, NOW)).toMatchObject({ login: 'log_1' })
  })

  it.each<[string, object, object]>([
    ['of another type, such as an identity token', {}, { typ: 'jwt' }],
    ['for another audience', { aud: 'another' }, {}],
    ['of another issuer', { iss: 'another' }, {}],
    ['that is bound to no key', { cnf: {} }, {}],
    ['that does not end', { exp: undefined }, {}],
    ['of no login', { sub: undefined }, {}],
  ])('that the same key has signed is refused: one %s', async (_, claims, header) => {
    const at = NOW / 1000
    const signed = (given: object, head: object) =>
      new SignJWT({ cnf: { jkt: 'key' }, sub: 'log_1', iss: 'gateway', aud: 'gateway', exp: at + 60, ...given })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', ...head })
        .sign(keys.privateKey)
    expect(await tokens.verify(await signed({}, {}), NOW)).toMatchObject({ login: 'log_1' })
    await expect(tokens.verify(await signed(claims, header), NOW)).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
  })

  it('is not valid before it was first verified, by a clock that goes back', async () => {
    const signed = await new SignJWT({ cnf: { jkt: 'key' }, sub: 'log_1', iss: 'gateway', aud: 'gateway' })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt' })
      .setNotBefore(NOW / 1000)
      .setExpirationTime(NOW / 1000 + 60)
      .sign(keys.privateKey)
    expect(await tokens.verify(signed, NOW)).toMatchObject({ login: 'log_1' })
    await expect(tokens.verify(signed, NOW - 1000)).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
  })
})
