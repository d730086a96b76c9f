import { generateKeyPairSync } from 'node:crypto'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LoginKeeper, serviceToken } from '../../src/agent/login-keeper.ts'
import { createProver } from '../../src/gateway-client/prover.ts'
import type { PamError } from '../../src/shared/errors.ts'
import { HandClock } from '../helpers/hand-clock.ts'

/** A provider and a gateway over HTTP that answer as they are told to; time is moved by hand. */
const REPROOF = 300_000
const LEASE = 360_000
/** What the gateway grants, and the random number that attempts are spread by. */
let reproof: number
let lease: number
let random: number
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

type Answer = 'tokens' | 'silence' | 'cut' | readonly [status: number, body: string]
let server: Server
let url: string
let clock: HandClock
/** What the next refreshes, and the next exchanges at the gateway, are answered; tokens after that. */
let refreshes: Answer[]
let exchanges: Answer[]
let discoveries: Answer[]
let asked: number
let signedOut: number
let open: ServerResponse[]
let lost: PamError[]
let notices: string[]
let verified: number
let stored: (string | undefined)[]
/** Resolves when an attempt is over, however it went. */
let over: () => void
let attempt: Promise<void>

beforeEach(async () => {
  clock = new HandClock()
  ;[refreshes, exchanges, discoveries, open, lost, notices, stored] = [[], [], [], [], [], [], []]
  asked = signedOut = verified = 0
  ;[reproof, lease, random] = [REPROOF, LEASE, 1]
  server = createServer((request, response) => void answer(request.method ?? '', request.url ?? '', response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => {
  for (const response of open) response.destroy()
  server.closeAllConnections()
  server.close()
})

async function answer(method: string, path: string, response: ServerResponse): Promise<void> {
  const json = (body: unknown, status = 200): void =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  if (path.endsWith('/openid-configuration'))
    return json({ issuer: url, token_endpoint: `${url}/token`, jwks_uri: `${url}/jwks` })
  if (method === 'DELETE') {
    signedOut++
    return void response.writeHead(204).end()
  }
  const list = path === '/token' ? refreshes : path === '/.well-known/pam-gateway' ? discoveries : exchanges
  if (path === '/token') asked++
  const how = list.shift() ?? 'tokens'
  if (how === 'silence') return void open.push(response)
  if (how === 'cut') return void response.destroy()
  if (how !== 'tokens') return void response.writeHead(how[0], { 'content-type': 'application/json' }).end(how[1])
  if (path === '/.well-known/pam-gateway') return json({ gateway: url, api: ['v1'], issuer: url, clientId: 'pamctl' })
  if (path === '/token') {
    const identity = await new SignJWT({})
      .setProtectedHeader({ alg: 'RS256' })
      .setIssuer(url)
      .setAudience('pamctl')
      .setSubject('jane')
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey)
    return json({ access_token: 'x', token_type: 'bearer', id_token: identity, refresh_token: `refresh ${asked}` })
  }
  const time = (later: number): string => new Date(clock.time + later).toISOString()
  json({
    accessToken: 'gateway',
    tokenType: 'DPoP',
    expiresAt: time(600_000),
    login: 'lgn_1',
    person: { id: 'jane', label: 'jane', kind: 'person', groups: [] },
    provenUntil: time(lease),
    reproof,
  })
}

/** `how` the other side answers: silence is waited for no longer than it takes to tell it from an answer. */
async function signedInKeeper(how?: Answer): Promise<LoginKeeper> {
  const keeper = new LoginKeeper(
    {
      gateway: url,
      ca: undefined,
      prover: await createProver(),
      source: { kind: 'person', issuer: url, clientId: 'pamctl', refreshToken: 'refresh 0' },
    },
    {
      store: (token) => stored.push(token),
      lost: (error) => lost.push(error),
      notice: (text) => notices.push(text),
      proven: () => verified++,
    },
    { clock, random: () => random, answerMs: how === 'silence' ? 800 : 30_000 },
  )
  await keeper.exchange('an identity token of the sign-in')
  keeper.keepProven()
  // Whatever an attempt comes to, the next one is waited for then.
  const at = clock.at.bind(clock)
  clock.at = (time, callback) => {
    over()
    return at(time, callback)
  }
  return keeper
}
/** Lets the next attempt begin, and waits until it is over; its time since the sign-in. */
async function nextAttempt(start: number): Promise<number> {
  attempt = new Promise((resolve) => (over = resolve))
  const time = clock.next() - start
  await attempt
  return time
}

describe('the re-verification of an identity', () => {
  it('happens well before the limit, each time', async () => {
    const start = clock.time
    await signedInKeeper()
    expect(await nextAttempt(start)).toBe(180_000)
    expect(await nextAttempt(start)).toBe(360_000)
    expect([asked, stored, lost, notices]).toEqual([2, ['refresh 1', 'refresh 2'], [], []])
  })

  it.each([
    // Three fifths of the interval, less a fifth of that at random; where the lease is shorter, half of what is left of it.
    [100_000, 160_000, 1, 60_000],
    [100_000, 160_000, 0, 48_000],
    [1_200_000, 1_260_000, 1, 630_000],
    [300_000, 40_000, 1, 20_000],
    [300_000, 40_000, 0, 20_000],
  ])(
    'at an interval of %i and a lease of %i, with %f at random: after %i',
    async (interval, granted, number, after) => {
      const start = clock.time
      ;[reproof, lease, random] = [interval, granted, number]
      await signedInKeeper()
      expect(await nextAttempt(start)).toBe(after)
      expect(await nextAttempt(start)).toBe(2 * after)
    },
  )

  it.each<[string, Answer]>([
    ['late', 'silence'],
    ['cut off', 'cut'],
    ['500', [500, '{}']],
    ['502 of a proxy', [502, '<html>']],
    ['503 that calls itself a refusal', [503, '{"error":"access_denied"}']],
    ['429', [429, '{"error":"invalid_grant"}']],
    ['temporarily unavailable', [400, '{"error":"temporarily_unavailable"}']],
    ['a code that nobody knows', [400, '{"error":"slow_down_please"}']],
    ['about the client, not the person', [401, '{"error":"invalid_client"}']],
    ['what Dex says of a refresh token that was used before', [400, '{"error":"invalid_request"}']],
    ['no JSON', [200, 'hello']],
    ['no object', [200, 'null']],
    ['without an identity token', [200, '{"access_token":"x","token_type":"bearer"}']],
  ])(
    'continues when the provider answers %s, once and five times',
    async (_what, how) => {
      const start = clock.time
      const keeper = await signedInKeeper(how)
      refreshes = [how]
      expect(await nextAttempt(start)).toBe(180_000)
      expect(await nextAttempt(start)).toBe(182_000)
      expect([lost, notices, signedOut]).toEqual([[], [], 0])
      refreshes = Array<Answer>(5).fill(how)
      const times = []
      for (let tries = 0; tries < 6; tries++) times.push((await nextAttempt(start)) - 182_000)
      // The first after 180 s, then after 2, 4, 8 s and more.
      expect(times).toEqual([180_000, 182_000, 186_000, 194_000, 210_000, 240_000])
      expect([lost, signedOut]).toEqual([[], 0])
      expect(await keeper.authorize('GET', `${url}/v1/targets`)).toHaveProperty('authorization')
    },
    120_000,
  )

  it('warns once before the limit, with the time, and reports when it works again', async () => {
    const start = clock.time
    await signedInKeeper()
    refreshes = Array.from({ length: 30 }, (): Answer => [503, '{}'])
    const times: number[] = []
    while ((times.at(-1) ?? 0) < LEASE) times.push(await nextAttempt(start))
    // Towards the limit a third of what is left, down to half a second: the limit does not pass between two slow attempts.
    const left = times.filter((time) => time < LEASE).map((time) => LEASE - time)
    expect(left.slice(0, 7)).toEqual([180_000, 178_000, 174_000, 166_000, 150_000, 120_000, 90_000])
    for (let index = 7; index < left.length; index++) {
      const before = left[index - 1] ?? 0
      expect(left[index]).toBeCloseTo(before - Math.max(before / 3, 500), 3)
    }
    expect(left.at(-1)).toBeLessThanOrEqual(500)
    expect(notices).toEqual([
      expect.stringMatching(
        /^cannot verify your identity again \(.*503.*\); open connections end at \d\d:\d\d:\d\d unless/,
      ),
    ])
    // Beyond the limit it is still tried, but slowly, and nobody is signed out: a provider that is away says nothing of the person.
    const [late, later] = [await nextAttempt(start), await nextAttempt(start)]
    expect(later - late).toBe(30_000)
    expect([lost, signedOut]).toEqual([[], 0])
    refreshes = []
    await nextAttempt(start)
    expect(notices.slice(1)).toEqual(['your identity is verified again; open connections continue'])
  })

  it.each<[string, Answer, string]>([
    ['the grant is over', [400, '{"error":"invalid_grant"}'], 'NOT_SIGNED_IN'],
    ['access is denied', [403, '{"error":"access_denied"}'], 'NOT_SIGNED_IN'],
    ['the person must sign in', [400, '{"error":"login_required"}'], 'NOT_SIGNED_IN'],
  ])('ends the login at once when the provider refuses: %s', async (_what, how, code) => {
    await signedInKeeper()
    refreshes = [how]
    clock.next()
    await expect.poll(() => [lost.map((error) => error.code), signedOut]).toEqual([[code], 1])
    expect(clock.isIdle).toBe(true)
  })

  it.each<[string, Answer]>([
    ['is silent', 'silence'],
    ['limits its callers', [429, '{"code":"RATE_LIMITED","detail":"x"}']],
    ['cannot read the provider’s keys', [503, '{"code":"ISSUER_UNREACHABLE","detail":"x"}']],
    ['stops', [503, '{"code":"SHUTTING_DOWN","detail":"x"}']],
  ])('continues when the gateway %s', async (_what, how) => {
    const start = clock.time
    await signedInKeeper(how)
    exchanges = [how, how]
    for (const time of [180_000, 182_000, 186_000]) expect(await nextAttempt(start)).toBe(time)
    expect([lost, signedOut, stored]).toEqual([[], 0, ['refresh 1', 'refresh 2', 'refresh 3']])
  })

  it.each([
    'TOKEN_INVALID',
    'TOKEN_EXPIRED',
    'TOKEN_USED',
    'KEY_SIGNED_OUT',
    'ISSUER_UNTRUSTED',
    'SIGN_IN_DENIED',
    'ACCOUNT_DISABLED',
  ])('ends the login when the gateway answers %s', async (code) => {
    await signedInKeeper()
    exchanges = [[401, JSON.stringify({ code, detail: 'no' })]]
    clock.next()
    await expect.poll(() => lost.map((error) => error.code)).toEqual([code])
  })

  it.each([
    ['TOKEN_USED', 'share the HOME', 'share the HOME'],
    ['TOKEN_USED', undefined, 'request a new token from your CI provider (PAMCTL_TOKEN, --token-file)'],
    ['TOKEN_EXPIRED', 'sign in again', 'request a new token from your CI provider (PAMCTL_TOKEN, --token-file)'],
  ])('tells a service what to do about %s, where the gateway says "%s": %s', async (code, hint, told) => {
    exchanges = [[401, JSON.stringify({ code, detail: 'no', hint })]]
    const keeper = new LoginKeeper(
      {
        gateway: url,
        ca: undefined,
        prover: await createProver(),
        source: { kind: 'service', token: 'a.b.c', tokenFile: undefined },
      },
      { store: () => {}, lost: () => {}, notice: () => {}, proven: () => {} },
    )
    await expect(keeper.exchange('a.b.c')).rejects.toMatchObject({ code, hint: told })
  })

  it('goes on where the gateway does not say at first whom the provider is signed by', async () => {
    const start = clock.time
    await signedInKeeper('silence')
    discoveries = ['silence', [503, '{}']]
    for (const time of [180_000, 182_000, 186_000, 366_000]) expect(await nextAttempt(start)).toBe(time)
    expect([lost, signedOut, stored]).toEqual([[], 0, ['refresh 1', 'refresh 2']])
  })

  it('does not delay a call while the provider is slow and the last proof is valid', async () => {
    const keeper = await signedInKeeper()
    keeper.stopProving()
    clock.time += 290_000
    refreshes = ['silence']
    over = () => {}
    const call = keeper.authorize('GET', `${url}/v1/targets`)
    await expect.poll(() => open.length).toBe(1)
    clock.next() // its patience is over
    expect(await call).toHaveProperty('authorization')
  })

  it('makes no call for somebody whom the provider has just refused', async () => {
    const keeper = await signedInKeeper()
    keeper.stopProving()
    clock.time += 290_000
    refreshes = [[400, '{"error":"invalid_grant"}']]
    over = () => {}
    await expect(keeper.authorize('GET', `${url}/v1/targets`)).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
  })

  it('makes no call under a proof that the gateway accepts no more: it waits for the next one', async () => {
    const keeper = await signedInKeeper()
    keeper.stopProving()
    clock.time += LEASE
    refreshes = ['silence']
    over = () => {}
    let isDone = false
    const call = keeper.authorize('GET', `${url}/v1/targets`).finally(() => (isDone = true))
    await expect.poll(() => open.length).toBe(1)
    if (!clock.isIdle) clock.next()
    await new Promise((resolve) => setImmediate(resolve))
    expect([isDone, verified]).toEqual([false, 1])
    await answer('POST', '/token', open.pop() as ServerResponse)
    expect(await call).toHaveProperty('authorization')
    expect(verified).toBe(2)
  })

  it('what nobody has asked for is done under the last proof, and prolongs nothing', async () => {
    const keeper = await signedInKeeper()
    keeper.stopProving()
    const call = () => keeper.authorizeAsProven('GET', `${url}/v1/events`)
    for (const age of [0, REPROOF * 0.95]) {
      clock.time += age
      expect(await call()).toHaveProperty('authorization')
    }
    clock.time += REPROOF * 0.05
    await expect(call()).rejects.toMatchObject({ code: 'IDENTITY_LOST' })
    expect([keeper.isProven, verified, stored]).toEqual([false, 1, []])
    await keeper.authorize('GET', `${url}/v1/targets`)
    expect([keeper.isProven, verified, stored]).toEqual([true, 2, ['refresh 1']])
    expect(await call()).toHaveProperty('authorization')
    await expect(keeper.authorizeAsProven('GET', 'https://evil.example')).rejects.toThrow('this login is for')
  })

  it('nobody gets a token or a proof for another gateway', async () => {
    const keeper = await signedInKeeper()
    for (const other of [
      'http://127.0.0.1:1/v1/targets',
      url.replace('127.0.0.1', 'localhost'),
      'https://evil.example',
    ])
      await expect(keeper.authorize('GET', other)).rejects.toThrow('this login is for')
  })
})

describe('the token of a service', () => {
  const tokenIs = (token: string | undefined) => () => serviceToken({ token, tokenFile: undefined })

  it('is a JWT', () => {
    expect(tokenIs('eyJhbGciOiJSUzI1NiJ9.e30.c2ln')()).toBe('eyJhbGciOiJSUzI1NiJ9.e30.c2ln')
    expect(tokenIs(`a.b.${'c'.repeat(19_996)}`)()).toHaveLength(20_000)
  })

  it.each([
    ['another secret', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789'],
    ['a password', 'correct horse.battery.staple'],
    ['two tokens', 'a.b.c\nd.e.f'],
    ['more parts than three, as of an encrypted one', 'a.b.c.d.e'],
    ['fewer', 'a.b'],
    ['an empty part', 'a..c'],
    ['more than the gateway accepts', `a.b.${'c'.repeat(19_997)}`],
    ['nothing', ''],
    ['none', undefined],
  ])('is sent nowhere where it is something else: %s', (_what, token) => {
    expect(tokenIs(token)).toThrow(/^PAMCTL_TOKEN (?:is empty|does not hold an identity token)/)
  })
})
