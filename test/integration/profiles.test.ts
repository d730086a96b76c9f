import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../src/demo/local-postgres.ts'
import { writeDemoConfig } from '../../src/demo/setup.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { serviceToken } from '../helpers/gateway-client.ts'
import { hostGateway } from '../helpers/hosted-gateway.ts'
import { pamctlSignedIn, pamctlSignsIn, type PamctlHome } from '../helpers/pamctl-client.ts'
import { pamctl, type Outcome } from '../helpers/run.ts'

/** One home, two gateways: whatever a command is told of gateway and profile counts, or is refused. */
const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-profiles-'))
let staging: RunningGateway
let production: RunningGateway
let home: PamctlHome
/** Stands for any other server: what it is sent is kept. */
let other: Server
let otherUrl: string
const sent: string[] = []

async function start(name: string, edit: (config: string) => string = (config) => config): Promise<RunningGateway> {
  const place = join(directory, name)
  mkdirSync(place)
  const config = await writeDemoConfig(place, { gatewayPort: await freePort(), postgresPort: 1 })
  writeFileSync(config, edit(readFileSync(config, 'utf8').replaceAll('dev-db', `${name}-db`)))
  return hostGateway(config, join(place, 'gateway.log'))
}

beforeAll(async () => {
  ;[staging, production] = await Promise.all([start('staging'), start('production')])
  home = await pamctlSignedIn(staging.url, 'jane')
  await pamctlSignsIn(home, ['--profile', 'prod', '--gateway', production.url], 'jane')
  other = createServer((request, response) => {
    sent.push(`${request.url} ${request.headers.authorization ?? ''} ${String(request.headers['dpop'] ?? '')}`)
    response.writeHead(404).end('{}')
  })
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  otherUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
})
afterAll(async () => {
  if (home !== undefined) await pamctl(['agent', 'stop'], home.environment)
  other?.close()
  await Promise.all([staging?.stop('SIGTERM'), production?.stop('SIGTERM')])
  rmSync(directory, { recursive: true, force: true })
})

const command = (args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Outcome> =>
  pamctl(args, { ...home.environment, ...more })
const names = async (args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<string> => {
  const { stdout, stderr } = await command(['targets', ...args], more)
  return stdout.match(/^(staging|production)-db/m)?.[1] ?? stderr
}

describe('the login of a command', () => {
  it('is the one at --gateway, however its URL is written', async () => {
    expect(await names([])).toBe('staging')
    expect(await names(['--gateway', staging.url])).toBe('staging')
    for (const url of [production.url, `${production.url}/`, production.url.replace('http', 'HTTP')])
      expect(await names(['--gateway', url])).toBe('production')
    expect(await names([], { PAMCTL_GATEWAY: production.url })).toBe('production')
    expect(await names([], { PAMCTL_PROFILE: 'prod' })).toBe('production')
    expect(await names(['--profile', 'prod', '--gateway', production.url])).toBe('production')
    // The flag counts more than the variable; an empty variable is not set.
    expect(await names(['--gateway', production.url], { PAMCTL_GATEWAY: staging.url })).toBe('production')
    expect(await names([], { PAMCTL_GATEWAY: '', PAMCTL_PROFILE: '' })).toBe('staging')
  })

  it('is refused where profile and gateway contradict each other, naming both', async () => {
    for (const [args, variables] of [
      [['--profile', 'prod', '--gateway', staging.url], {}],
      [['--profile', 'prod'], { PAMCTL_GATEWAY: staging.url }],
      [['--gateway', staging.url], { PAMCTL_PROFILE: 'prod' }],
      [[], { PAMCTL_GATEWAY: staging.url, PAMCTL_PROFILE: 'prod' }],
    ] as const) {
      for (const verb of [
        ['targets'],
        ['connect', 'production-db', '--', 'true'],
        ['tunnel', 'x'],
        ['ssh-config'],
        ['logout'],
      ]) {
        expect([verb, await command([...verb.slice(0, 1), ...args, ...verb.slice(1)], variables)]).toMatchObject([
          verb,
          {
            code: 2,
            stderr: `pamctl: profile "prod" is signed in to ${production.url}, not to ${staging.url}\nhint: leave out --profile (PAMCTL_PROFILE) or --gateway (PAMCTL_GATEWAY)\n`,
          },
        ])
      }
    }
  })

  it('at a gateway where nobody signed in there is none, and nothing is sent there', async () => {
    for (const verb of [
      ['targets'],
      ['whoami'],
      ['connect', 'staging-db', '--', 'true'],
      ['request', 'prod-db'],
      ['reviews'],
      ['grants'],
      ['sessions'],
      ['ssh-config'],
      ['tunnel', 'x'],
      ['logout'],
      ['kill', 'ses_1'],
      ['audit'],
    ]) {
      const { code, stderr, stdout } = await command([...verb.slice(0, 1), '--gateway', otherUrl, ...verb.slice(1)])
      expect([verb, code, stdout, stderr]).toEqual([
        verb,
        4,
        '',
        `pamctl: you are not signed in to ${otherUrl}; your logins are for ${staging.url} (default), ${production.url} (profile prod)\nhint: sign in: pamctl login --profile NAME --gateway ${otherUrl}\n`,
      ])
    }
    expect(sent).toEqual([])
    // The hint signs in the very profile that was named.
    expect(await command(['targets', '--profile', 'new', '--gateway', otherUrl])).toMatchObject({
      code: 4,
      stderr: `pamctl: profile "new" is not signed in\nhint: sign in: pamctl login --profile new --gateway ${otherUrl}\n`,
    })
    // Without a scheme it would be https.
    expect(await command(['targets', '--gateway', staging.url.replace('http://', '')])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(`hint: did you mean --gateway ${staging.url}?`),
    })
    expect(sent).toEqual([])
  })

  it.each([
    ['ftp://pam.example.com', 'expected https://, not ftp://'],
    ['javascript://pam.example.com', 'expected https://, not javascript://'],
    ['https://jane@pam.example.com', 'cannot contain a user name or password'],
    ['https://jane:secret@pam.example.com', 'cannot contain a user name or password'],
    ['jane@pam.example.com', 'cannot contain a user name or password'],
    ['https://pam.example.com/nope', 'cannot contain a path'],
    ['https://pam.example.com/?a=1', 'cannot contain a query or fragment'],
    ['https://pam.example.com/#a', 'cannot contain a query or fragment'],
    ['https://pam.example.com\\nope', 'is not a valid gateway URL'],
    ['https://pam.example.com nope', 'is not a valid gateway URL'],
    ['https://', 'is not a valid gateway URL'],
    ['http://pam.example.com', 'plain http is allowed for loopback addresses only'],
    ['https://pam.example.com:99999', 'is not a valid gateway URL'],
  ])('%s is no gateway', async (url, why) => {
    expect(await command(['targets', '--gateway', url])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(why),
    })
    expect(await command(['login', '--gateway', url])).toMatchObject({ code: 2, stderr: expect.stringContaining(why) })
  })

  it('is not replaced by one at another gateway', async () => {
    const refused = await command(['login', '--no-browser', '--gateway', otherUrl])
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`you are signed in to ${staging.url}, and a profile is for one gateway`),
    })
    expect(await command(['login', '--no-browser', '--profile', 'prod', '--gateway', staging.url])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/profile "prod" is signed in to .*\nhint: choose another --profile, or sign out/),
    })
    expect(await names([])).toBe('staging')
    expect(sent).toEqual([])
  })

  it('a --ca that is not the one of the login is not dropped', async () => {
    const ca = join(directory, 'ca.crt')
    writeFileSync(ca, 'another authority')
    expect(await command(['targets', '--ca', ca])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('without --ca'),
    })
  })

  it('of a service leaves that of a person alone', async () => {
    const service = { PAMCTL_TOKEN: await serviceToken(staging.issuer), PAMCTL_GATEWAY: staging.url }
    expect(await command(['targets'], { PAMCTL_TOKEN: 'x' })).toMatchObject({ code: 2 })
    // What is no token, perhaps another secret, goes nowhere.
    for (const given of [
      'abc',
      'hunter2-hunter2-hunter2-hunter2',
      'a.b',
      'a.b.c.d.e',
      'a.b.c d',
      `a.${'b'.repeat(20_000)}.c`,
    ]) {
      const refused = {
        code: 4,
        stderr: expect.stringMatching(
          /^pamctl: .* does not hold an identity token \(a signed JWT\)\nhint: request a token/,
        ),
      }
      expect(await command(['targets'], { PAMCTL_TOKEN: given, PAMCTL_GATEWAY: otherUrl })).toMatchObject(refused)
    }
    const file = join(directory, 'token')
    for (const [text, why] of [
      ['', 'is empty'],
      ['nonsense', 'does not hold an identity token'],
    ] as const) {
      writeFileSync(file, text)
      expect(await command(['targets', '--token-file', file, '--gateway', otherUrl])).toMatchObject({
        code: 4,
        stderr: expect.stringContaining(`${file} ${why}`),
      })
    }
    expect(await command(['targets', '--token-file', `${file}.nope`, '--gateway', otherUrl])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(`--token-file: there is no file ${file}.nope`),
    })
    expect(sent).toEqual([])
    expect(await command(['logout'], service)).toMatchObject({ code: 0 })
    expect(await command(['login'], service)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('PAMCTL_TOKEN'),
    })
    expect(await names([])).toBe('staging')
  })

  it('two profiles at one gateway: one must be chosen', async () => {
    await pamctlSignsIn(home, ['--profile', 'prod2', '--gateway', production.url], 'bob')
    expect(await names(['--gateway', production.url])).toMatch(/several profiles are signed in to .*: prod, prod2/)
    expect(await names(['--gateway', production.url, '--profile', 'prod2'])).toBe('production')
  })

  it('of one person after another: whoever signs in next has a tunnel of their own', async () => {
    const ask = (): Promise<Outcome> => command(['query', '--profile', 'prod2', 'production-db', 'select 1'])
    expect(await ask()).toMatchObject({ stderr: expect.stringContaining('cannot reach the target') })
    await pamctlSignsIn(home, ['--profile', 'prod2', '--gateway', production.url], 'jane')
    expect(await ask()).toMatchObject({ stderr: expect.stringContaining('cannot reach the target') })
  })

  it('a port that is open is not served for whoever signs in next', async () => {
    const open = home.start(['connect', '--profile', 'prod', 'production-db', '--json'])
    const { eventually } = await import('../helpers/gateway-client.ts')
    const port = await eventually(() => Number(/"port": (\d+)/.exec(open.output())?.[1]) || undefined, 'it is open')
    expect(await command(['logout', '--profile', 'prod'])).toMatchObject({ code: 0 })
    await pamctlSignsIn(home, ['--profile', 'prod', '--gateway', staging.url], 'jane')
    const { default: pg } = await import('pg')
    const db = new pg.Client({ host: '127.0.0.1', port, user: 'app', database: 'app_dev' })
    await expect(db.connect()).rejects.toThrow('this port was opened for another sign-in')
    expect(production.log()).not.toContain(staging.url)
    open.kill()
  })
})

describe('a gateway that signs people in with the client of another one', () => {
  let foreign: RunningGateway
  const ownHome = async (): Promise<PamctlHome> => pamctlSignedIn(staging.url, 'jane')
  const login = (of: PamctlHome, ...args: string[]): Promise<Outcome> =>
    pamctl(['login', '--no-browser', '--profile', 'foreign', '--gateway', foreign.url, ...args], of.environment)

  beforeAll(async () => {
    foreign = await start('foreign', (config) =>
      config.replace(
        'evaluation: { people: people.yaml }',
        `issuers: [{ url: "${staging.issuer}", for: people, clientId: pamctl }]`,
      ),
    )
  })
  afterAll(() => foreign?.stop('SIGTERM'))

  it('is refused before the sign-in begins, naming both, whatever became of the login at the other', async () => {
    const own = await ownHome()
    const refused = {
      code: 4,
      stdout: '',
      stderr: `pamctl: ${foreign.url} signs people in with the client "pamctl" of ${staging.issuer}, which is the client of ${staging.url}\nhint: a sign-in there could be passed on to ${staging.url} in your name: ask for a client id of its own for each gateway; if both are gateways of your organisation, or this one has moved, sign in with --allow-shared-client\n`,
    }
    expect(await login(own)).toMatchObject(refused)
    expect(await pamctl(['logout'], own.environment)).toMatchObject({ code: 0 })
    // Neither is it forgotten by signing out, nor with the agent.
    expect(await pamctl(['agent', 'stop'], own.environment)).toMatchObject({ code: 0 })
    expect(await login(own)).toMatchObject(refused)
    // A login of a pamctl that did not note clients speaks as well.
    await pamctlSignsIn(own, ['--gateway', staging.url], 'jane')
    rmSync(join(own.home, 'known-clients.json'))
    expect(await login(own)).toMatchObject(refused)
    // What cannot be read is not taken for nothing.
    writeFileSync(join(own.home, 'known-clients.json'), '{"https')
    expect(await login(own)).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/known-clients\.json cannot be read/),
    })
    await pamctl(['agent', 'stop'], own.environment)
    expect(foreign.log()).not.toMatch(/\/v1\/token/)
  })

  it('is taken with --allow-shared-client, which is remembered for that client', async () => {
    const own = await ownHome()
    await pamctlSignsIn(own, ['--profile', 'foreign', '--gateway', foreign.url, '--allow-shared-client'], 'jane')
    await pamctlSignsIn(own, ['--profile', 'foreign', '--gateway', foreign.url], 'jane')
    expect(await pamctl(['logout', '--profile', 'foreign'], own.environment)).toMatchObject({ code: 0 })
    await pamctlSignsIn(own, ['--profile', 'foreign', '--gateway', foreign.url], 'jane')
    // The other way round nothing has to be said again.
    await pamctlSignsIn(own, ['--gateway', staging.url], 'jane')
    await pamctl(['agent', 'stop'], own.environment)
  })

  it.each([
    ['an address of the metadata', (issuer: string) => `${issuer}/.well-known/openid-configuration`],
    ['a slash more', (issuer: string) => `${issuer}/`],
    ['another spelling of the host', (issuer: string) => issuer.replace('127.0.0.1', '127.1')],
  ])(
    'and announces its issuer by %s is not signed in to',
    async (_what, spell) => {
      const own = await ownHome()
      const impostor = createServer((_request, response) => {
        response.setHeader('content-type', 'application/json').end(
          JSON.stringify({
            gateway: url,
            version: '0',
            api: ['v1'],
            tunnel: [],
            issuer: spell(staging.issuer),
            clientId: 'pamctl',
            scopes: ['openid'],
          }),
        )
      })
      await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve))
      const url = `http://127.0.0.1:${(impostor.address() as AddressInfo).port}`
      const { code, stderr } = await pamctl(
        ['login', '--no-browser', '--profile', 'impostor', '--gateway', url],
        own.environment,
      )
      expect(stderr).not.toContain('Open ')
      expect([code, stderr]).toEqual([7, expect.stringContaining('cannot be reached or is not trusted')])
      impostor.close()
      await pamctl(['agent', 'stop'], own.environment)
    },
    120_000,
  )
})
