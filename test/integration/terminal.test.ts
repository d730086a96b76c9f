import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Browser } from '../../src/demo/browser.ts'
import { freePort } from '../../src/demo/local-postgres.ts'
import { DEMO_PEOPLE, writeDemoConfig } from '../../src/demo/setup.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { eventually, signIn, type SignedIn } from '../helpers/gateway-client.ts'
import { hostGateway } from '../helpers/hosted-gateway.ts'
import { pamctl, run, ROOT } from '../helpers/run.ts'
import { pamctlOnTerminal, screenOf, SCRIPT, type OnTerminal } from '../helpers/terminal.ts'

const ESC = '\u001b'
const FRAMES = /[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/u

/** What pamctl shows on a terminal, and keeps to itself in a pipe. */
describe.skipIf(!SCRIPT)('pamctl on a terminal', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-terminal-'))
  const environment = { PAMCTL_HOME: join(directory, 'home'), PAMCTL_SECRET_STORE: 'file', LC_ALL: 'C.UTF-8' }
  let gateway: RunningGateway
  let bob: SignedIn
  let signedIn: OnTerminal

  beforeAll(async () => {
    const config = await writeDemoConfig(directory, { gatewayPort: await freePort(), postgresPort: 1 })
    gateway = await hostGateway(config, join(directory, 'gateway.log'))
    bob = await signIn(gateway.url, 'bob')
    signedIn = pamctlOnTerminal(['login', '--no-browser', '--gateway', gateway.url], environment)
    await shows(signedIn, /waiting for you to sign in/)
    const [, url, code] = await shows(signedIn, /Open (\S+) and enter\s+\S*?([A-Z]{4}-[A-Z]{4})/)
    await new Browser().signIn(`${url}?user_code=${code}`, DEMO_PEOPLE.jane)
    expect(await signedIn.closed).toBe(0)
  })
  afterAll(async () => {
    await pamctl(['agent', 'stop'], environment)
    await gateway?.stop('SIGTERM')
    rmSync(directory, { recursive: true, force: true })
  })

  const shows = (on: OnTerminal, pattern: RegExp): Promise<RegExpExecArray> =>
    eventually(() => pattern.exec(on.output()) ?? undefined, `the terminal shows ${String(pattern)}`)
  const requestId = async (on: OnTerminal): Promise<string> => (await shows(on, /requested access: (req_\w+)/))[1] ?? ''
  const inPipe = (args: readonly string[], more: NodeJS.ProcessEnv = {}) =>
    run(process.execPath, [join(ROOT, 'bin', 'pamctl.js'), ...args], {
      env: { ...environment, NO_COLOR: '', TERM: 'xterm-256color', ...more },
    })

  it('login: the spinner is seen while somebody signs in, and is gone after', async () => {
    expect(signedIn.output()).toContain(`${ESC}[36m⠋${ESC}[39m waiting for you to sign in`)
    const { lines, cursor } = await screenOf(signedIn.output())
    expect(lines).toEqual([expect.stringMatching(/^Open http/), expect.stringMatching(/^✓ Signed in as jane/)])
    expect(cursor).toBe(true)
    expect(signedIn.output()).toContain(`${ESC}[32m✓${ESC}[39m`)
  })

  it('request --wait: notes stand in lines of their own; what was decided is all that is left', async () => {
    const waiting = pamctlOnTerminal(['request', 'prod-db', '--reason', 'x', '--wait'], environment)
    const id = await requestId(waiting)
    await shows(waiting, FRAMES)
    await bob.api.reviews.decide(id, { verdict: 'approve', comment: 'ok' })
    expect(await waiting.closed).toBe(0)
    const { lines, cursor } = await screenOf(waiting.output())
    expect(lines).toEqual([
      `requested access: ${id} (approvers: sre)`,
      expect.stringMatching(/^approved by bob@example.com: ok, until /),
      id,
    ])
    expect(cursor).toBe(true)
    const { stdout } = await inPipe(['grants', '--active'])
    await inPipe(['revoke', /^grt_\w+/.exec(stdout)?.[0] ?? ''])
  })

  it('Ctrl-C leaves the terminal clean', async () => {
    const waiting = pamctlOnTerminal(['connect', 'prod-db', '--reason', 'x', '--', 'true'], environment)
    const id = await requestId(waiting)
    await shows(waiting, FRAMES)
    waiting.type('\u0003')
    expect(await waiting.closed).toBe(130)
    const { lines, cursor } = await screenOf(waiting.output())
    expect(lines.map((line) => line.replace('^C', ''))).toEqual([
      `requested access: ${id} (approvers: sre) …`,
      `withdrew ${id}`,
    ])
    expect(cursor).toBe(true)
  })

  it('a pipe, NO_COLOR, a dumb terminal and one without a size see no spinner, and the first three no colour', async () => {
    const args = ['request', 'prod-db', '--reason', 'x', '--wait']
    const decide = async (): Promise<string> => {
      const [review] = await eventually(async () => {
        const found = await bob.api.reviews.list()
        return found.length > 0 ? found : undefined
      }, 'the request waits')
      await bob.api.reviews.decide(review?.id ?? '', { verdict: 'deny', comment: 'no' })
      return review?.id ?? ''
    }
    const piped = inPipe(args)
    const id = await decide()
    const { code, stdout, stderr } = await piped
    expect([code, stdout]).toEqual([5, `${id}\n`])
    expect(stderr).not.toMatch(FRAMES)
    expect(stderr).not.toContain(ESC)
    const dumb = pamctlOnTerminal(args, { ...environment, TERM: 'dumb' })
    await decide()
    expect(await dumb.closed).toBe(5)
    expect(dumb.output()).not.toMatch(FRAMES)
    expect(dumb.output()).not.toContain(ESC)
    const withoutSize = pamctlOnTerminal(args, environment, '', 0)
    await decide()
    expect(await withoutSize.closed).toBe(5)
    expect(withoutSize.output()).not.toMatch(FRAMES)
    const plain = pamctlOnTerminal(args, { ...environment, NO_COLOR: '1' })
    await shows(plain, FRAMES)
    await decide()
    await plain.closed
    for (const colour of ['31m', '32m', '36m', '1m']) expect(plain.output()).not.toContain(`${ESC}[${colour}`)
  })

  it('colour follows the terminal, the variables, --json and the setting, in this order', async () => {
    const wrong = ['config', 'get', 'color']
    const red = `${ESC}[31mpamctl:${ESC}[39m`
    const onTerminal = async (args: readonly string[], more: NodeJS.ProcessEnv = {}, after = ''): Promise<string> => {
      const shown = pamctlOnTerminal(args, { ...environment, ...more }, after)
      await shown.closed
      return shown.output()
    }
    expect(await onTerminal(wrong)).toContain(red)
    expect(await onTerminal(wrong, { NO_COLOR: '1' })).not.toContain(ESC)
    expect(await onTerminal(wrong, { FORCE_COLOR: '0' })).not.toContain(ESC)
    expect(await onTerminal(wrong, { TERM: 'dumb' })).not.toContain(ESC)
    expect(await onTerminal([...wrong, '--json'])).not.toContain(ESC)
    expect((await inPipe(wrong)).stderr).not.toContain(ESC)
    expect((await inPipe(wrong, { FORCE_COLOR: '1' })).stderr).toContain(red)
    expect(await onTerminal(['config', 'list'])).toContain(`${ESC}[1mKEY${ESC}[22m`)
    // Results in a pipe are for programs.
    expect((await inPipe(['config', 'list'], { FORCE_COLOR: '1' })).stdout).not.toContain(ESC)
    expect(await onTerminal(['config', 'list'], {}, ' | cat')).not.toContain(ESC)
    await inPipe(['config', 'set', 'colour', 'never'])
    expect(await onTerminal(wrong)).not.toContain(ESC)
    expect(await onTerminal(wrong, { FORCE_COLOR: '1' })).toContain(red)
    await inPipe(['config', 'set', 'colour', 'always'])
    expect((await inPipe(wrong)).stderr).toContain(red)
    expect((await inPipe(wrong, { NO_COLOR: '1' })).stderr).not.toContain(ESC)
    await inPipe(['config', 'unset', 'colour'])
  })

  it('--edit takes the reason from the editor, which variables choose before the setting', async () => {
    const asks = async (editor: NodeJS.ProcessEnv): Promise<string | undefined> => {
      const asking = pamctlOnTerminal(['request', 'prod-db', '--edit'], {
        ...environment,
        VISUAL: undefined,
        EDITOR: undefined,
        ...editor,
      })
      await asking.closed
      const [review] = await bob.api.reviews.list()
      if (review === undefined) return asking.output()
      await bob.api.reviews.decide(review.id, { verdict: 'deny', comment: '' })
      return review.reason
    }
    await inPipe(['config', 'set', 'editor', `sh -c 'echo "from the setting" >"$1"' --`])
    expect(await asks({})).toBe('from the setting')
    expect(await asks({ EDITOR: `sh -c 'echo "from the variable" >"$1"' --` })).toBe('from the variable')
    expect(await asks({ EDITOR: 'true' })).toContain('the text is empty, so nothing was done')
    expect(await asks({ EDITOR: 'false' })).toContain('the editor "false" ended with 1')
    await inPipe(['config', 'unset', 'editor'])
  })

  it('approve: Enter alone decides nothing, and who is too late is told so in place of the question', async () => {
    const as = { ...environment, PAMCTL_PROFILE: 'bob' }
    const login = pamctlOnTerminal(['login', '--no-browser', '--gateway', gateway.url], as)
    const [, url, code] = await shows(login, /Open (\S+) and enter\s+\S*?([A-Z]{4}-[A-Z]{4})/)
    await new Browser().signIn(`${url}?user_code=${code}`, DEMO_PEOPLE.bob)
    expect(await login.closed).toBe(0)
    const jane = await signIn(gateway.url, 'jane')
    const { id } = await jane.api.requests.create({ target: 'prod-db', reason: 'lo\u043ek' })
    const asked = async (): Promise<OnTerminal> => {
      const on = pamctlOnTerminal(['approve', id], as)
      await shows(on, /Skip: decide nothing now/)
      return on
    }
    const skipping = await asked()
    expect(skipping.output()).toContain('"\u043e" is U+043E (a Cyrillic letter, which may look like a Latin one)')
    skipping.type('\r')
    expect(await skipping.closed).toBe(1)
    // What was meant for another question.
    const mistaken = await asked()
    mistaken.type('y\r')
    expect(await mistaken.closed).toBe(1)
    expect((await bob.api.reviews.get(id)).state).toBe('pending')
    const late = await asked()
    await bob.api.reviews.decide(id, { verdict: 'deny', comment: 'not now' })
    expect(await late.closed).toBe(1)
    expect(late.output()).toContain(`${id} is already decided: denied by bob@example.com: not now`)

    // The same question for what comes while one watches.
    const watching = pamctlOnTerminal(['reviews', '--watch', '--no-notify'], as)
    await shows(watching, /nothing is waiting for you yet/)
    const first = await jane.api.requests.create({ target: 'prod-db', reason: 'one' })
    await shows(watching, new RegExp(`What about ${first.id}[^]*Skip: decide nothing now`))
    watching.type('\r')
    await shows(watching, /\u2714|\u221a/)
    expect((await bob.api.reviews.get(first.id)).state).toBe('pending')
    await bob.api.reviews.decide(first.id, { verdict: 'deny', comment: '' })
    // What was typed for a question that was taken away decides nothing about the next one.
    const gone = await jane.api.requests.create({ target: 'prod-db', reason: 'gone' })
    await shows(watching, new RegExp(`What about ${gone.id}[^]*Skip: decide nothing now`))
    await jane.api.requests.withdraw(gone.id)
    const next = await jane.api.requests.create({ target: 'prod-db', reason: 'next' })
    await shows(watching, new RegExp(`${gone.id} was withdrawn by jane@example.com at \\d\\d:\\d\\d`))
    watching.type('\u001b[B\r')
    await shows(watching, new RegExp(`What about ${next.id}[^]*Skip: decide nothing now`))
    watching.type('\r')
    await shows(watching, new RegExp(`What about ${next.id}\\S* \\S*Skip`))
    await bob.api.reviews.decide(next.id, { verdict: 'deny', comment: '' })
    const second = await jane.api.requests.create({ target: 'prod-db', reason: 'two' })
    await shows(watching, new RegExp(`What about ${second.id}[^]*Skip: decide nothing now`))
    watching.type('\u001b[B\r')
    await shows(watching, new RegExp(`${second.id} approved by bob`))
    expect((await bob.api.reviews.get(second.id)).state).toBe('approved')
    watching.type('\u0003')
    expect(await watching.closed).not.toBe(0)
  })
})
