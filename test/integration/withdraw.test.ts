import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../src/demo/local-postgres.ts'
import { writeDemoConfig } from '../../src/demo/setup.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { eventually, signIn, type SignedIn } from '../helpers/gateway-client.ts'
import { hostGateway } from '../helpers/hosted-gateway.ts'
import { pamctlSignedIn, type PamctlHome, type RunningPamctl } from '../helpers/pamctl-client.ts'
import { pamctl } from '../helpers/run.ts'
import type { PamError } from '../../src/shared/errors.ts'

/** A command that is interrupted while it waits takes back what it asked for. */
const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-withdraw-'))
let gateway: RunningGateway
let home: PamctlHome
let jane: SignedIn
let bob: SignedIn
let running: RunningPamctl | undefined

beforeAll(async () => {
  const config = await writeDemoConfig(directory, { gatewayPort: await freePort(), postgresPort: 1 })
  writeFileSync(config, readFileSync(config, 'utf8'))
  gateway = await hostGateway(config, join(directory, 'gateway.log'))
  home = await pamctlSignedIn(gateway.url, 'jane')
  ;[jane, bob] = await Promise.all([signIn(gateway.url, 'jane'), signIn(gateway.url, 'bob')])
})
afterEach(async () => {
  running?.kill('SIGKILL')
  for (const { id, state } of (await jane.api.requests.list({ limit: 100 })).items)
    // A command that was ended while it withdrew its request may have done so meanwhile.
    if (state === 'pending') await jane.api.requests.withdraw(id).catch(isDecided)
})
const isDecided = (error: PamError): void => expect(error.code).toBe('ALREADY_DECIDED')
afterAll(async () => {
  if (home !== undefined) await pamctl(['agent', 'stop'], home.environment)
  await gateway?.stop('SIGTERM')
  rmSync(directory, { recursive: true, force: true })
})

const CONNECT = ['connect', 'prod-db', '--wait', '--reason', 'mine', '--', 'true']
const REQUEST = ['request', 'prod-db', '--wait', '--reason', 'mine']
async function waiting(args: readonly string[]): Promise<{ command: RunningPamctl; id: string }> {
  const command = home.start(args)
  running = command
  const id = await eventually(() => /req_\w+/.exec(command.output())?.[0], 'it is requested')
  return { command, id }
}

describe('a command that waits for approval', () => {
  it.each([
    ['connect', CONNECT, 'SIGINT', 130],
    ['connect', CONNECT, 'SIGTERM', 143],
    ['connect', CONNECT, 'SIGHUP', 129],
    ['request', REQUEST, 'SIGINT', 130],
    ['request', REQUEST, 'SIGTERM', 143],
    ['request', REQUEST, 'SIGHUP', 129],
  ] as const)('%s: withdraws its request on a signal, and says so', async (_verb, args, signal, code) => {
    const { command, id } = await waiting(args)
    command.kill(signal)
    expect(await command.closed).toBe(code)
    expect(command.output()).toMatch(new RegExp(`requested access: ${id} .*\nwithdrew ${id}\n$`))
    expect((await jane.api.requests.get(id)).state).toBe('withdrawn')
    expect(gateway.log()).not.toContain('"level":50')
  })

  it('leaves a request of an earlier command, and says so', async () => {
    const { id } = await jane.api.requests.create({ target: 'prod-db', reason: 'earlier' })
    const { command } = await waiting(CONNECT)
    await eventually(() => (command.output().includes('--reason ignored') ? true : undefined), 'it says so')
    command.kill('SIGINT')
    expect(await command.closed).toBe(130)
    expect(command.output()).toContain(`already requested: ${id}, `)
    expect(command.output()).toContain(`${id} is still waiting; to withdraw it: pamctl withdraw ${id}\n`)
    expect((await jane.api.requests.get(id)).state).toBe('pending')
  })

  it('two commands at once wait for one request; the one that did not make it leaves it', async () => {
    const first = await waiting(CONNECT)
    const second = await waiting(CONNECT)
    expect(second.id).toBe(first.id)
    second.command.kill('SIGINT')
    expect(await second.command.closed).toBe(130)
    expect((await jane.api.requests.get(first.id)).state).toBe('pending')
    first.command.kill('SIGINT')
    expect(await first.command.closed).toBe(130)
    expect((await jane.api.requests.get(first.id)).state).toBe('withdrawn')
  })

  it('a second signal does not wait for a gateway that does not answer', async () => {
    const gone = await waiting(CONNECT)
    process.kill(gateway.pid, 'SIGSTOP')
    try {
      // Two of the same kind may arrive as one; of two kinds either may come first.
      gone.command.kill('SIGINT')
      gone.command.kill('SIGTERM')
      expect([130, 143]).toContain(await gone.command.closed)
      expect(gone.command.output()).not.toContain('cannot withdraw it')
    } finally {
      process.kill(gateway.pid, 'SIGCONT')
    }
    await eventually(async () => ((await jane.api.requests.get(gone.id)).state ? true : undefined), 'it answers')
  })

  it('goes on once it is approved', async () => {
    const { command, id } = await waiting(REQUEST)
    await bob.api.reviews.decide(id, { verdict: 'approve', comment: '' })
    expect(await command.closed).toBe(0)
    for (const { id: grant } of (await jane.api.grants.list({ active: true })).items)
      await jane.api.grants.revoke(grant, 'done')
  })
})

describe('pamctl withdraw', () => {
  it('withdraws a request once, by the beginning of its id, and only one’s own', async () => {
    const { id } = await jane.api.requests.create({ target: 'prod-db', reason: 'x' })
    const theirs = await bob.api.requests.create({ target: 'prod-db', reason: 'y' })
    const out = await pamctl(['withdraw', id.slice(0, 12), '--json'], home.environment)
    expect([out.code, JSON.parse(out.stdout)]).toMatchObject([0, { id, state: 'withdrawn' }])
    expect(await pamctl(['withdraw', id], home.environment)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${id} was withdrawn by jane@example.com`),
    })
    expect(await pamctl(['withdraw', theirs.id], home.environment)).toMatchObject({ code: 1 })
    expect((await bob.api.requests.get(theirs.id)).state).toBe('pending')
    await bob.api.requests.withdraw(theirs.id)
    const again = await jane.api.requests.create({ target: 'prod-db', reason: 'x' })
    expect(await pamctl(['withdraw', again.id], home.environment)).toMatchObject({
      code: 0,
      stdout: `${again.id} withdrawn\n`,
    })
  })
})
