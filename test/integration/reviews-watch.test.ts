import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Browser } from '../../src/demo/browser.ts'
import { DEMO_PEOPLE } from '../../src/demo/setup.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { eventually, openPort, signIn, type SignedIn } from '../helpers/gateway-client.ts'
import { ownGateways, type OwnGateways } from '../helpers/own-gateway.ts'
import { pamctl, psql, PSQL, ROOT } from '../helpers/run.ts'

/** What a desktop's own program would have been asked to show; no desktop is here, so the program is a stand-in. */
const NOTIFY_SEND = '#!/bin/sh\nprintf \'%s\\n\' "$@" >>"$NOTIFIED"\n'

describe('pamctl reviews --watch', () => {
  let own: OwnGateways
  let directory: string
  let gateway: RunningGateway
  let jane: SignedIn
  let bob: SignedIn
  let home: string
  let watching: ChildProcess | undefined
  let output = ''
  const environment = (): NodeJS.ProcessEnv => ({
    PAMCTL_HOME: home,
    PAMCTL_SECRET_STORE: 'file',
    NO_COLOR: '1',
    DISPLAY: ':99',
    PATH: `${home}/bin:${process.env['PATH']}`,
    NOTIFIED: join(home, 'notified'),
  })
  const notified = (): string =>
    existsSync(join(home, 'notified')) ? readFileSync(join(home, 'notified'), 'utf8') : ''
  const prints = (pattern: RegExp): Promise<string> =>
    eventually(() => pattern.exec(output)?.[0], `it prints ${String(pattern)}`, 20_000)

  beforeAll(async () => {
    own = await ownGateways()
    directory = await own.configured()
    gateway = await own.start(directory)
    jane = await signIn(gateway.url, 'jane')
    bob = await signIn(gateway.url, 'bob')
    home = mkdtempSync(join(tmpdir(), 'pamctl-test-watch-'))
    mkdirSync(join(home, 'bin'))
    writeFileSync(join(home, 'bin', 'notify-send'), NOTIFY_SEND, { mode: 0o755 })
    const login = spawn(
      process.execPath,
      [join(ROOT, 'bin', 'pamctl.js'), 'login', '--gateway', gateway.url, '--no-browser'],
      {
        env: { ...process.env, ...environment() },
      },
    )
    let said = ''
    login.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    const link = await eventually(() => /Open (\S+) and enter\s+(\S+)/.exec(said) ?? undefined, 'the link')
    await new Browser().signIn(`${link[1]}?user_code=${link[2]}`, DEMO_PEOPLE.bob)
    await new Promise((resolve) => login.on('close', resolve))
  }, 120_000)
  afterAll(async () => {
    watching?.kill()
    await pamctl(['agent', 'stop'], environment())
    await own?.stop()
    rmSync(home, { recursive: true, force: true })
  })

  it('tells what waits, what comes and what becomes of it; on the desktop without what is in it', async () => {
    const first = await jane.api.requests.create({ target: 'prod-db', reason: 'already there' })
    watching = spawn(process.execPath, [join(ROOT, 'bin', 'pamctl.js'), 'reviews', '--watch'], {
      env: { ...process.env, ...environment() },
    })
    watching.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text))
    watching.stderr?.setEncoding('utf8').on('data', (text: string) => (output += text))
    await prints(new RegExp(`${first.id}  jane@example.com  prod-db  1h: already there`))
    expect(notified()).toBe('')
    const second = await jane.api.requests.create({ target: 'prod-db', reason: 'a <b>secret</b> \u202ereason' })
    await prints(new RegExp(`${second.id}.*\\\\u\\{202e\\}reason`))
    await eventually(() => (notified().includes(second.id) ? true : undefined), 'the desktop is told')
    expect(notified()).toBe(`--app-name=pamctl\n--\njane@example.com asks for prod-db\npamctl approve ${second.id}\n`)
    await bob.api.reviews.decide(first.id, { verdict: 'approve', comment: 'fine' })
    await prints(new RegExp(`${first.id}  approved by bob@example.com: fine`))
    // Jane's own are hers to see, not to be told of here; nothing is told twice.
    expect(output.split(second.id).length - 1).toBe(1)
    await jane.api.requests.withdraw(second.id)
    await prints(new RegExp(`${second.id}  withdrawn`))
  }, 60_000)

  it.skipIf(!PSQL)(
    'comes back after a restart of the gateway and has missed nothing',
    async () => {
      await gateway.stop('SIGTERM')
      await prints(/cannot be reached/)
      gateway = await own.start(directory)
      const port = await openPort(jane, 'prod-db')
      const held = psql(port, 'app', 'truncate audit_tmp')
      const id = (await prints(/apr_\w{13}  jane@example.com  prod-db  truncate audit_tmp/)).split(' ')[0] ?? ''
      await bob.api.reviews.decide(id, { verdict: 'deny', comment: 'no' })
      await prints(new RegExp(`${id}  denied by bob@example.com: no`))
      expect((await held).stderr).toMatch(/denied by bob/)
      port.close()
    },
    60_000,
  )

  it('ends where nobody is signed in any more; signing out everywhere is one command', async () => {
    const closed = new Promise<number | null>((resolve) => watching?.on('close', resolve))
    const out = await pamctl(['logout', '--everywhere'], environment())
    expect([out.code, out.stderr]).toEqual([0, expect.stringMatching(/signed out of .*, everywhere/)])
    expect(await closed).toBe(4)
    await expect(bob.api.whoami()).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
  }, 60_000)
})
