import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { doctor } from '../../../src/cli/commands/doctor.ts'
import type { Check } from '../../../src/cli/doctor/check.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { VERSION } from '../../../src/shared/version.ts'
import { ago, runVerb, type World } from '../../helpers/verb.ts'

let server: Server
let gateway: string
const home = mkdtempSync(join(tmpdir(), 'pamctl-doctor-'))
beforeAll(async () => {
  server = createServer(({ url }, response) =>
    response.end(JSON.stringify(url === '/healthz' ? { status: 'ok' } : { version: VERSION, api: ['v1'] })),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.close()
  rmSync(home, { recursive: true })
})

/** `PATH` is empty: no client is started. */
const examine = async (world: World, ...args: string[]) => {
  const environment = { PATH: home, PAMCTL_SECRET_STORE: 'file', ...world.environment }
  return runVerb([doctor], ['doctor', ...args], { home, ...world, environment })
}
const checksOf = ({ stdout }: { stdout: string }): Record<string, Check> => {
  const { checks } = JSON.parse(stdout) as { checks: Check[] }
  return Object.fromEntries(checks.map((check) => [check.name, check]))
}
const signedIn = (more: World['agent'] = {}): World => ({
  options: { gateway },
  gateway: {
    'GET /v1/whoami': {
      person: { label: 'jane@example.com', kind: 'person', groups: [] },
      provenUntil: ago(-30),
      signedInAt: ago(60),
    },
  },
  agent: {
    status: {
      version: VERSION,
      pid: 12,
      listeners: [{ gateway, person: 'p', target: 'prod-db', port: 20_001, tunnels: 1 }],
    },
    profile: { gateway, label: 'jane', store: 'file', isRenewable: true },
    ...more,
  },
})

describe('pamctl doctor', () => {
  it('reports no problem when all is well', async () => {
    const outcome = await examine(signedIn(), '--json')
    const found = checksOf(outcome)
    const states = Object.values(found).map(({ name, state }) => `${name} ${state}`)
    expect(states).toEqual([
      'gateway ok',
      'certificate ok',
      'versions ok',
      'clock ok',
      'sign-in ok',
      'secret store ok',
      'agent ok',
      'ports ok',
      'directory ok',
      'clients warning',
    ])
    expect(outcome.code).toBe(0)
    expect(found['sign-in']?.message).toMatch(
      /^jane@example.com, signed in 1h ago, verified until .*, renewed by the agent/,
    )
    expect(found['ports']?.message).toBe('prod-db on 127.0.0.1:20001 (1 connection)')
  })

  it('works before anybody has signed in, and starts no agent', async () => {
    const outcome = await examine({})
    expect(outcome.code).toBe(1)
    expect(outcome.stdout).toContain('failed\tgateway\tno gateway is set\tgive --gateway URL')
    expect(outcome.stdout).toContain('failed\tsign-in\tyou are not signed in\tsign in: pamctl login --gateway URL\n')
    expect(outcome.stdout).toContain('ok\tagent\tnot running; it starts by itself when it is needed\n')
  })

  it('names the gateway of the latest sign-in to somebody who has signed out', async () => {
    const signedOut = join(home, 'signed-out')
    mkdirSync(signedOut, { mode: 0o700 })
    writeFileSync(join(signedOut, 'known-clients.json'), JSON.stringify({ [gateway]: [] }))
    const { stdout } = await examine({ home: signedOut })
    expect(stdout).toContain(`failed\tgateway\tno gateway is set\tgive --gateway ${gateway}, set PAMCTL_GATEWAY`)
    expect(stdout).toContain(`failed\tsign-in\tyou are not signed in\tsign in: pamctl login --gateway ${gateway}\n`)
  })

  it('marks each line on a terminal', async () => {
    const { stdout } = await examine({ ...signedIn(), terminal: true })
    expect(stdout).toMatch(/^✓ gateway {7}http:\/\/127\.0\.0\.1:\d+ answers \(\d+ ms\)$/m)
    expect(stdout).toMatch(/^! clients {7}none found of psql, .* → install the clients of your targets$/m)
  })

  it.each<[string, World['agent'], string, Partial<Check>]>([
    [
      'a sign-in that ends',
      { profile: { gateway: 'x', label: 'jane', store: 'file', isRenewable: false } },
      'sign-in',
      { state: 'warning', remedy: 'sign in again before then: pamctl login' },
    ],
    [
      'an agent of another version',
      { status: { version: '0.0.1', pid: 1, listeners: [] } },
      'agent',
      { state: 'failed', message: `version 0.0.1 is running, and this is pamctl ${VERSION}` },
    ],
    [
      'a keychain that is locked',
      { profile: new PamError('SECRET_STORE', 'the keychain refused', { hint: 'unlock it' }) },
      'sign-in',
      { state: 'failed', message: 'the keychain refused', remedy: 'unlock it' },
    ],
  ])('says what to do about %s', async (_, agent, name, found) => {
    expect(checksOf(await examine(signedIn(agent), '--json'))[name]).toMatchObject(found)
  })

  it('says which file others may read, and which keychain cannot be used', async () => {
    const file = join(home, 'secrets.json')
    writeFileSync(file, '{}')
    chmodSync(file, 0o644)
    const world = {
      ...signedIn(),
      environment: { PAMCTL_SECRET_STORE: 'keychain', DBUS_SESSION_BUS_ADDRESS: 'unix:path=/none' },
    }
    const found = checksOf(await examine(world, '--json'))
    rmSync(file)
    expect(found['directory']).toMatchObject({ state: 'failed', remedy: `chmod go= ${file}` })
    expect(found['secret store']).toMatchObject({
      state: 'failed',
      remedy: 'unlock it, or set PAMCTL_SECRET_STORE=file',
    })
  })

  it('never shows the password of a URL', async () => {
    const { stdout } = await examine({ options: { gateway: 'https://jane:hunter2@bad host' } })
    expect(stdout).toContain('failed\tgateway\t"https://…@bad host" is not a valid gateway URL')
    expect(stdout).not.toContain('hunter2')
  })
})
