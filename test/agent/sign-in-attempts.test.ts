import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LoginKeeper } from '../../src/agent/login-keeper.ts'
import { SignInAttempts } from '../../src/agent/sign-in-attempts.ts'
import { createProver, type Prover } from '../../src/gateway-client/prover.ts'

const WHOAMI = {
  person: { id: 'jane', label: 'jane', kind: 'person', groups: [] },
  login: 'lgn_1',
  provenUntil: '2026-01-01T00:00:00.000Z',
  roles: [],
}
let server: Server
let gateway: string
let status = 200
beforeAll(async () => {
  server = createServer((_, response) => {
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(JSON.stringify(status === 200 ? WHOAMI : { code: 'NOT_SIGNED_IN' }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => void server.close())

const loginWith = async (prover: Prover): Promise<LoginKeeper> =>
  ({ login: { gateway, ca: undefined, prover }, authorize: () => Promise.resolve({}) }) as never

describe('the key of a sign-in attempt', () => {
  it('is the same for all requests of the attempt, and is gone once it was taken', async () => {
    const attempts = new SignInAttempts()
    const none = () => Promise.resolve(undefined)
    const first = await attempts.proverOf('a', none)
    expect(await attempts.proverOf('a', none)).toBe(first)
    expect(await attempts.proverOf('b', none)).not.toBe(first)
    expect(await attempts.take('a')).toBe(first)
    expect(await attempts.take('a')).toBeUndefined()
  })

  it('is that of the login while the gateway knows it, so that open connections continue, and a new one after', async () => {
    const known = await createProver()
    status = 200
    expect(await new SignInAttempts().proverOf('a', () => loginWith(known))).toBe(known)
    status = 401
    expect(await new SignInAttempts().proverOf('a', () => loginWith(known))).not.toBe(known)
  })

  it('is kept for a few attempts; the oldest is forgotten', async () => {
    const attempts = new SignInAttempts()
    for (let n = 0; n < 17; n++) await attempts.proverOf(String(n), () => Promise.resolve(undefined))
    expect(await attempts.take('0')).toBeUndefined()
    expect(await attempts.take('16')).toBeDefined()
  })
})
