import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AccessRequest } from '../../src/api/schemas/access.ts'
import { createIo } from '../../src/cli/output/io.ts'
import { watchReviews } from '../../src/cli/watch-reviews.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { answerReader } from '../../src/gateway-client/answer-reader.ts'
import { createApiClient } from '../../src/gateway-client/api-client.ts'
import { eventually, openPort, signIn, type SignedIn } from '../helpers/gateway-client.ts'
import { ownGateways, type OwnGateways } from '../helpers/own-gateway.ts'
import { pamctlSignedIn, type PamctlHome, type RunningPamctl } from '../helpers/pamctl-client.ts'
import { pamctl, psql, PSQL } from '../helpers/run.ts'

/** What a desktop's own program would have been asked to show; no desktop is here, so the program is a stand-in. */
const NOTIFY_SEND = '#!/bin/sh\nprintf \'%s\\n\' "$@" >>"$NOTIFIED"\n'

describe('pamctl reviews --watch', () => {
  let own: OwnGateways
  let directory: string
  let gateway: RunningGateway
  let jane: SignedIn
  let bob: SignedIn
  let home: PamctlHome
  let programs: string
  let watching: RunningPamctl | undefined
  let inProcess: Promise<void> | undefined
  const notified = (): string => {
    const file = join(programs, 'notified')
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }
  const prints = (pattern: RegExp): Promise<string> =>
    eventually(() => pattern.exec(watching?.output() ?? '')?.[0], `it prints ${String(pattern)}`)

  beforeAll(async () => {
    own = await ownGateways()
    directory = await own.configured()
    gateway = await own.start(directory)
    jane = await signIn(gateway.url, 'jane')
    bob = await signIn(gateway.url, 'bob')
    programs = mkdtempSync(join(tmpdir(), 'pamctl-test-programs-'))
    writeFileSync(join(programs, 'notify-send'), NOTIFY_SEND, { mode: 0o755 })
    home = await pamctlSignedIn(gateway.url, 'bob', {
      environment: {
        DISPLAY: ':99',
        PATH: `${programs}:${process.env['PATH']}`,
        NOTIFIED: join(programs, 'notified'),
      },
    })
  })
  afterAll(async () => {
    watching?.kill()
    await pamctl(['agent', 'stop'], home.environment)
    await own?.stop()
    for (const directory of [home.home, programs]) rmSync(directory, { recursive: true, force: true })
  })

  it('reports pending, new and decided reviews, on the desktop without their contents', async () => {
    const first = await jane.api.requests.create({ target: 'prod-db', reason: 'already there' })
    watching = home.start(['reviews', '--watch'])
    await prints(new RegExp(`${first.id}  jane@example.com  prod-db  1h: already there`))
    expect(notified()).toBe('')
    await bob.api.reviews.decide(first.id, { verdict: 'approve', comment: 'fine' })
    await prints(new RegExp(`${first.id}  approved by bob@example.com: fine`))
    const second = await jane.api.requests.create({ target: 'prod-db', reason: 'a <b>secret</b> \u202ereason' })
    await prints(new RegExp(`${second.id}.*\\\\u\\{202e\\}reason`))
    await eventually(() => (notified().includes(second.id) ? true : undefined), 'the desktop is told')
    expect(notified()).toBe(`--app-name=pamctl\n--\njane@example.com asks for prod-db\npamctl approve ${second.id}\n`)
    // Jane's own are hers to see, not to be told of here; nothing is told twice.
    expect(watching.output().split(second.id).length - 1).toBe(1)
    await jane.api.requests.withdraw(second.id)
    await prints(new RegExp(`${second.id}  withdrawn`))
  })

  it.skipIf(!PSQL)(
    'reconnects after a restart of the gateway, and has missed nothing',
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
    120_000,
  )

  it('reports what arrives and is decided between the list and the stream, and what it could not fetch at first', async () => {
    const reason = 'in the gap'
    const waiting = await jane.api.requests.create({ target: 'prod-db', reason: 'before the gap' })
    let inTheGap: Promise<AccessRequest> | undefined
    let unreachable: string | undefined
    const out: string[] = []
    const api = createApiClient({
      gateway: gateway.url,
      authorize: (method, url) => bob.headers(method, url),
      answers: answerReader(),
      fetch: async (input, init) => {
        if (input.endsWith('/v1/events'))
          await (inTheGap ??= (async () => {
            await bob.api.reviews.decide(waiting.id, { verdict: 'approve', comment: 'in time' })
            return jane.api.requests.create({ target: 'prod-db', reason })
          })())
        if (unreachable !== undefined && input.endsWith(unreachable)) {
          unreachable = undefined
          throw new TypeError('fetch failed')
        }
        return fetch(input, init)
      },
    })
    const stream = { isTTY: false, write: (text: string) => out.push(text) }
    const io = createIo({ stdin: {}, stdout: stream, stderr: stream }, {}, Date.now)
    inProcess = watchReviews({ io, environment: {}, client: async () => api }, { notify: false })
    inProcess.catch(() => {})
    const { id } = await eventually(() => inTheGap, 'the stream is asked for')
    const told = (): number => out.filter((line) => line.includes(id)).length
    await eventually(() => (told() > 0 ? true : undefined), 'it is told')
    const approved = `${waiting.id}  approved by bob@example.com: in time`
    await eventually(() => (out.some((line) => line.includes(approved)) ? true : undefined), 'the decision')
    // The gateway goes away between an event and the question what became of it.
    unreachable = `/v1/reviews/${id}`
    await jane.api.requests.withdraw(id)
    await eventually(() => (out.some((line) => line.includes(`${id}  withdrawn`)) ? true : undefined), 'the end of it')
    expect(told()).toBe(2)
    expect(out.filter((line) => line.includes(waiting.id)).length).toBe(2)
    expect(unreachable).toBe(undefined)
  })

  it('ends after a sign-out; signing out everywhere is one command', async () => {
    const out = await pamctl(['logout', '--everywhere'], home.environment)
    expect([out.code, out.stderr]).toEqual([0, expect.stringMatching(/signed out of .*, everywhere/)])
    expect(await watching?.closed).toBe(4)
    await expect(inProcess).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
    await expect(bob.api.whoami()).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
  })
})
