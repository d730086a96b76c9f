import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../src/demo/local-postgres.ts'
import { writeDemoConfig } from '../../src/demo/setup.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { serviceToken } from '../helpers/gateway-client.ts'
import { hostGateway } from '../helpers/hosted-gateway.ts'
import { pamctlSignedIn } from '../helpers/pamctl-client.ts'
import { pamctl, type Outcome } from '../helpers/run.ts'
import { TEST_TIMEOUT } from '../helpers/timeouts.ts'

/** Commands that start at the same moment, in a home where nothing has been started. */
const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-cold-'))
/** More of them by hand: PAMCTL_TEST_ROUNDS=20. */
const ROUNDS = Number(process.env['PAMCTL_TEST_ROUNDS'] ?? 2)
let gateway: RunningGateway
beforeAll(async () => {
  const config = await writeDemoConfig(directory, { gatewayPort: await freePort(), postgresPort: 1 })
  gateway = await hostGateway(config, join(directory, 'gateway.log'))
})
afterAll(async () => {
  await gateway?.stop('SIGTERM')
  rmSync(directory, { recursive: true, force: true })
})

const ci = async (home = mkdtempSync(join(directory, 'home-'))): Promise<NodeJS.ProcessEnv> => ({
  PAMCTL_HOME: home,
  PAMCTL_GATEWAY: gateway.url,
  PAMCTL_TOKEN: await serviceToken(gateway.issuer),
})
const ten = (environment: NodeJS.ProcessEnv): Promise<Outcome[]> =>
  Promise.all(Array.from({ length: 10 }, () => pamctl(['targets'], environment)))
const OK = Array.from({ length: 10 }, () => ({ code: 0, stderr: '', stdout: expect.stringContaining('prod-db') }))

describe('ten commands at once on a cold home', () => {
  it(
    'share one CI token',
    async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const environment = await ci()
        expect(await ten(environment)).toEqual(OK)
        expect(await ten(environment)).toEqual(OK)
        const left = readdirSync(environment['PAMCTL_HOME'] ?? '').filter((name) => name.startsWith('service-key'))
        expect(left).toEqual([expect.stringMatching(/^service-key-[0-9a-f]{16}\.json$/)])
      }
    },
    TEST_TIMEOUT * ROUNDS,
  )

  it('share one agent', async () => {
    const { home, environment } = await pamctlSignedIn(gateway.url, 'jane')
    const engineers = Array.from({ length: 10 }, () => ({ code: 0, stderr: '' }))
    for (const dead of [false, true]) {
      const { pid } = JSON.parse((await pamctl(['agent', 'status', '--json'], environment)).stdout) as { pid: number }
      // One that was killed leaves its socket behind.
      if (dead) process.kill(pid, 'SIGKILL')
      else await pamctl(['agent', 'stop'], environment)
      writeFileSync(join(home, 'agent.log'), '')
      expect(await ten(environment)).toMatchObject(engineers)
      const log = readFileSync(join(home, 'agent.log'), 'utf8')
      expect(log.match(/"agent\.started"/g)).toHaveLength(1)
    }
    await pamctl(['agent', 'stop'], environment)
    rmSync(home, { recursive: true, force: true })
  })
})

describe('a CI token', () => {
  it('is for one home: in another one the hint is one that a service can follow', async () => {
    const first = await ci()
    expect(await pamctl(['targets'], first)).toMatchObject({ code: 0 })
    const second = { ...first, PAMCTL_HOME: mkdtempSync(join(directory, 'home-')) }
    expect(await pamctl(['targets'], second)).toMatchObject({
      code: 4,
      stderr:
        'pamctl: this identity token was already used with another key\n' +
        'hint: a token is for one HOME (PAMCTL_HOME): request a new token from your CI provider, or share the HOME\n',
    })
    expect(await pamctl(['targets'], { ...first, PAMCTL_TOKEN: await serviceToken(gateway.issuer) })).toMatchObject({
      code: 0,
    })
  })

  it('that is invalid does not tell a service to run pamctl login', async () => {
    const environment = await ci()
    for (const token of [`${environment['PAMCTL_TOKEN']}x`, 'x'.repeat(40)]) {
      const { code, stderr } = await pamctl(['targets'], { ...environment, PAMCTL_TOKEN: token })
      expect([code, stderr]).toEqual([4, expect.stringMatching(/hint: request a (new )?token from your CI provider/)])
    }
  })

  it('a key file that is damaged is named', async () => {
    const environment = await ci()
    expect(await pamctl(['targets'], environment)).toMatchObject({ code: 0 })
    const home = environment['PAMCTL_HOME'] ?? ''
    const [name = ''] = readdirSync(home).filter((file) => file.startsWith('service-key'))
    writeFileSync(join(home, name), '{"kty":')
    expect(await pamctl(['targets'], environment)).toMatchObject({
      code: 4,
      stderr: `pamctl: ${join(home, name)} does not hold a key\nhint: remove the file, and give a new token: one that was used is bound to the key that is lost\n`,
    })
  })
})

describe('the control socket of the agent', () => {
  it('survives a peer that sends nonsense, or too much, or leaves at once', async () => {
    const { home, environment } = await pamctlSignedIn(gateway.url, 'jane')
    const before = (await pamctl(['agent', 'status', '--json'], environment)).stdout
    for (const said of [
      'hello\n',
      'null\n',
      '[]\n',
      '{"id":1}\n',
      '{"id":1,"method":"__proto__","params":{}}\n',
      '{"id":1,"method":"nothing"}\n',
      'x'.repeat(1_100_000),
      '',
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect(join(home, 'run', 'agent.sock'), () => socket.end(said))
        socket.on('data', () => {})
        socket.on('error', () => {})
        socket.on('close', () => resolve())
      })
      const many = Array.from({ length: 5 }, () => connect(join(home, 'run', 'agent.sock')))
      for (const socket of many)
        socket
          .on('error', () => {})
          .on('connect', () => socket.write('{"id":1,"method":"status","params":{}}\n', () => socket.destroy()))
      expect((await pamctl(['agent', 'status', '--json'], environment)).stdout).toBe(before)
    }
    await pamctl(['agent', 'stop'], environment)
    rmSync(home, { recursive: true, force: true })
  })
})
