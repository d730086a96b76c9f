import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { login } from '../../../src/cli/commands/login.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { runVerb, type World } from '../../helpers/verb.ts'

let server: Server
let gateway: string
let discovery: object
beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url?.startsWith('/idp') !== true) return response.end(JSON.stringify(discovery))
    process.emit('SIGINT', 'SIGINT')
    return response.writeHead(500).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => void server.close())

/** A sign-in itself is tested with providers (test/integration/identity.test.ts). */
describe('pamctl login', () => {
  const agent: World['agent'] = { 'choose-profile': { profile: 'default' } }
  const signingIn = (more: World['agent'] = {}, world: World = {}) =>
    runVerb([login], ['login'], { ...world, agent: { ...agent, profile: null, ...more } })

  it('needs a gateway', async () => {
    expect(await signingIn()).toMatchObject({
      code: 2,
      stderr: 'pamctl: no gateway is set\nhint: give --gateway URL or set PAMCTL_GATEWAY\n',
    })
  })

  it.each([
    ['a token in the environment', { environment: { PAMCTL_TOKEN: 'x' } }],
    ['a file with one', { options: { tokenFile: 'f' } }],
  ])('is not for a service: %s', async (_, world) => {
    const outcome = await signingIn({}, world)
    expect(outcome).toMatchObject({ code: 2, agentCalls: [] })
    expect(outcome.stderr).toContain('a service does not sign in as a person')
  })

  it.each([
    ['calls itself otherwise', () => ({ gateway: 'https://other', api: ['v1'] }), 2, 'calls itself https://other'],
    ['has another version', () => ({ gateway, api: ['v2'] }), 7, 'does not speak version 1'],
    [
      'is none',
      () => ({ hello: 1 }),
      7,
      'answer to GET /.well-known/pam-gateway cannot be read at gateway: is required',
    ],
  ])('sends nobody to a provider for a gateway that %s', async (_, answer, code, message) => {
    discovery = answer()
    const outcome = await signingIn({}, { options: { gateway } })
    expect(outcome.code).toBe(code)
    expect(outcome.stderr).toContain(message)
    expect(outcome.agentCalls.map(({ method }) => method)).toEqual(['choose-profile', 'profile'])
  })

  it.each([
    ['nobody is signed in', null],
    ['the sign-in of before stays (https://before.example)', { gateway: 'https://before.example' }],
  ])('says what Ctrl-C leaves behind, and ends as a shell expects: %s', async (stays, profile) => {
    discovery = { gateway, api: ['v1'], issuer: `${gateway}/idp`, clientId: 'pamctl' }
    const outcome = await signingIn({ 'check-client': {}, profile: profile as never }, { options: { gateway } })
    expect(outcome).toMatchObject({
      code: 130,
      stderr: `interrupted: the code is no longer waited for; ${stays}\n`,
    })
  })

  it('first checks whether another gateway would accept the tokens', async () => {
    discovery = { gateway, api: ['v1'], issuer: 'https://idp.example', clientId: 'pamctl' }
    const shared = new PamError('CLIENT_SHARED', 'another gateway uses this client')
    const outcome = await signingIn({ 'check-client': shared }, { options: { gateway } })
    expect(outcome).toMatchObject({ code: 4, stderr: 'pamctl: another gateway uses this client\n' })
    expect(outcome.agentCalls.at(-1)).toEqual({
      method: 'check-client',
      params: { gateway, issuer: 'https://idp.example', clientId: 'pamctl', allowShared: false },
    })
  })

  describe('where there are several identity providers', () => {
    const named = (name: string, domains: readonly string[] = []) => ({
      name,
      issuer: `https://${name}.example`,
      clientId: 'pamctl',
      scopes: ['openid'],
      domains,
      isGateway: false,
    })
    /** Which issuer it would go to, or what it says: the agent stops it there. */
    const chosen = async (args: readonly string[], more: World['agent'] = {}) => {
      discovery = { gateway, api: ['v1'], issuers: [named('corp', ['example.com']), named('partner'), named('guests')] }
      const stop = new PamError('CLIENT_SHARED', 'stopped')
      const outcome = await runVerb([login], ['login', ...args], {
        agent: { ...agent, profile: null, 'check-client': stop, ...more },
        options: { gateway },
      })
      const { method, params } = outcome.agentCalls.at(-1) ?? { method: '', params: undefined }
      return method === 'check-client' ? (params as { issuer: string }).issuer : outcome.stderr
    }

    it('uses the one that is named, or the one for the domain of an address', async () => {
      expect(await chosen(['--issuer', 'partner'])).toBe('https://partner.example')
      expect(await chosen(['--issuer', 'jane@Example.com'])).toBe('https://corp.example')
    })

    it('uses the one of the last sign-in', async () => {
      const profile = {
        gateway,
        label: 'jane',
        issuer: 'https://guests.example',
        clientId: 'pamctl',
        store: 'file',
        isRenewable: true,
      } as const
      expect(await chosen([], { profile })).toBe('https://guests.example')
      expect(await chosen(['--issuer', 'corp'], { profile })).toBe('https://corp.example')
    })

    it('lists them if nobody can be asked, or none matches', async () => {
      expect(await chosen([])).toBe(
        'pamctl: this gateway has several identity providers: corp, partner, guests\nhint: choose one with --issuer NAME\n',
      )
      expect(await chosen(['--issuer', 'corp2'])).toBe(
        'pamctl: no identity provider of this gateway matches --issuer corp2\nhint: choose one by its name: corp, partner, guests\n',
      )
      expect(await chosen(['--issuer', 'x@example.com.evil.example'])).toContain('more than one identity provider')
    })

    it('says that there is none', async () => {
      discovery = { gateway, api: ['v1'], issuers: [] }
      const outcome = await signingIn({}, { options: { gateway } })
      expect(outcome).toMatchObject({
        code: 4,
        stderr: expect.stringContaining('no sign-in for people is configured at this gateway'),
      })
    })
  })
})
