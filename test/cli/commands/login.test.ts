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
  server = createServer((_, response) => response.end(JSON.stringify(discovery)))
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
    ['is none', () => ({ hello: 1 }), 2, 'calls itself undefined'],
  ])('sends nobody to a provider for a gateway that %s', async (_, answer, code, message) => {
    discovery = answer()
    const outcome = await signingIn({}, { options: { gateway } })
    expect(outcome.code).toBe(code)
    expect(outcome.stderr).toContain(message)
    expect(outcome.agentCalls.map(({ method }) => method)).toEqual(['choose-profile', 'profile'])
  })

  it('asks first whether another gateway would take the tokens', async () => {
    discovery = { gateway, api: ['v1'], issuer: 'https://idp.example', clientId: 'pamctl' }
    const shared = new PamError('CLIENT_SHARED', 'another gateway uses this client')
    const outcome = await signingIn({ 'check-client': shared }, { options: { gateway } })
    expect(outcome).toMatchObject({ code: 4, stderr: 'pamctl: another gateway uses this client\n' })
    expect(outcome.agentCalls.at(-1)).toEqual({
      method: 'check-client',
      params: { gateway, issuer: 'https://idp.example', clientId: 'pamctl', allowShared: false },
    })
  })
})
