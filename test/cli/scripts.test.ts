import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Browser } from '../../src/demo/browser.ts'
import { DEMO_PEOPLE } from '../../src/demo/setup.ts'
import type { DemoStack } from '../../src/demo/stack.ts'
import { eventually, serviceToken } from '../helpers/gateway-client.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'
import { pamctl, PSQL } from '../helpers/run.ts'
import { runPamctl } from '../helpers/run-pamctl.ts'
import { runScript } from '../helpers/script.ts'
import { TEST_TIMEOUT } from '../helpers/timeouts.ts'
import { GATEWAY_CALLS } from '../helpers/verb-calls.ts'

let stack: DemoStack
let token: string
const home = mkdtempSync(join(tmpdir(), 'pamctl-test-cli-'))

beforeAll(async () => {
  stack = await startHostedStack()
  for (const who of ['jane', 'bob'] as const) await login(who)
  expect(await login('alice')).toEqual({
    gateway: stack.gateway,
    profile: 'alice',
    person: { label: DEMO_PEOPLE.alice.email, groups: ['audit'] },
  })
  token = await serviceToken(stack.issuer)
})

afterAll(async () => {
  await pamctl(['agent', 'stop'], environment('jane'))
  await stack?.stop()
  rmSync(home, { recursive: true, force: true })
})

const environment = (who: string): NodeJS.ProcessEnv => ({
  PAMCTL_HOME: home,
  PAMCTL_SECRET_STORE: 'file',
  PAMCTL_PROFILE: who,
  PGPASSWORD: 'not for the client',
  PGSERVICE: 'elsewhere',
  ...(who === 'ci' ? { PAMCTL_TOKEN: token, PAMCTL_GATEWAY: stack.gateway } : {}),
})

/** Device sign-in: the link that is printed is opened. Resolves to what it says of who is signed in. */
async function login(who: keyof typeof DEMO_PEOPLE, profile: string = who): Promise<unknown> {
  const printed = { stdout: '', stderr: '' }
  let signIn: Promise<unknown> | undefined
  const code = await runPamctl(['login', '--gateway', stack.gateway, '--no-browser', '--json'], {
    environment: { ...process.env, ...environment(profile) },
    heard(text, to) {
      printed[to] += text
      const [, url, userCode] = /Open (\S+) and enter\s+(\S+)\n/.exec(printed.stderr) ?? []
      if (url !== undefined) signIn ??= new Browser().signIn(`${url}?user_code=${userCode}`, DEMO_PEOPLE[who])
    },
  })
  await signIn
  if (code !== 0) throw new Error(printed.stderr)
  return JSON.parse(printed.stdout)
}

/** A script is dozens of commands, one after the other: as long as as many tests. */
const SCRIPT_TIMEOUT = 5 * TEST_TIMEOUT

/** By hand, PAMCTL_TEST_PROCESSES=1 has each line of the scripts run by a process of its own. */
it.skipIf(!PSQL).each([
  [['targets', '--json'], {}],
  [['request', '--help'], {}],
  [['config', 'get', '__proto__', '--json'], {}],
  [['grants', '--active'], { PAMCTL_QUIET: '1', PAMCTL_PROFILE: 'carol' }],
  [['request', 'prod-db'], { PAMCTL_FOR: 'soon' }],
])('a run of %j within this process prints what a process of its own does', async (args, variables) => {
  const env = { ...environment('jane'), ...variables }
  const printed = { stdout: '', stderr: '' }
  const code = await runPamctl(args, {
    environment: { ...process.env, NO_COLOR: '1', ...env },
    heard: (text, to) => (printed[to] += text),
  })
  expect({ code, ...printed }).toEqual(await pamctl(args, env))
})

describe('text scripts', () => {
  for (const file of readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.txt'))
    .toSorted()) {
    it.skipIf(!PSQL)(
      file,
      () => {
        const variables = { gateway: stack.gateway, issuer: stack.issuer, key: stack.publicKey, tmp: home }
        return runScript(readFileSync(join(import.meta.dirname, file), 'utf8'), variables, environment)
      },
      SCRIPT_TIMEOUT,
    )
  }
})

/** What each verb that asks the gateway says, with its exit code; the same with --json. */
async function saidByEach(who: string, verbs: Iterable<readonly [string, readonly string[]]>): Promise<unknown> {
  const said: Record<string, unknown> = {}
  for (const [verb, args] of verbs) {
    const run = async (given: readonly string[]): Promise<{ code: number; stderr: string }> => {
      let stderr = ''
      const code = await runPamctl(given, {
        environment: { ...process.env, NO_COLOR: '1', ...environment(who) },
        input: 'select 1',
        heard: (text, to) => (to === 'stderr' ? (stderr += text) : undefined),
      })
      return { code, stderr }
    }
    const plain = await run(args)
    const end = args.indexOf('--')
    const json = await run(args.toSpliced(end < 0 ? args.length : end, 0, '--json'))
    const { code, message, hint } = JSON.parse(json.stderr) as Record<string, string>
    expect([verb, json.code, `pamctl: ${message}\nhint: ${hint}\n`]).toEqual([verb, plain.code, plain.stderr])
    said[verb] = [plain.code, code, message, hint]
  }
  return said
}

/** After the scripts, since they end sign-ins and the gateway. */
describe.skipIf(!PSQL)('every verb that asks the gateway', () => {
  const eachSays = (verbs: ReadonlyMap<string, unknown>, ...what: unknown[]): unknown =>
    Object.fromEntries([...verbs.keys()].map((verb) => [verb, what]))
  /** `logout` forgets a sign-in whatever the gateway says. */
  const others = new Map([...GATEWAY_CALLS].filter(([verb]) => verb !== 'logout'))

  it(
    'says who is not signed in',
    async () => {
      expect(await saidByEach('carol', GATEWAY_CALLS)).toEqual(
        eachSays(
          GATEWAY_CALLS,
          4,
          'NOT_SIGNED_IN',
          'profile "carol" is not signed in',
          expect.stringContaining('pamctl login'),
        ),
      )
    },
    SCRIPT_TIMEOUT,
  )

  it(
    'says that a sign-in was ended elsewhere',
    async () => {
      await login('bob', 'elsewhere')
      const elsewhere = { environment: { ...process.env, ...environment('elsewhere') } }
      expect(await runPamctl(['logout', '--everywhere'], elsewhere)).toBe(0)
      const said = await saidByEach('bob', others)
      expect(said).toEqual(
        eachSays(others, 4, expect.any(String), expect.any(String), expect.stringContaining('pamctl login')),
      )
    },
    SCRIPT_TIMEOUT,
  )

  it(
    'says that the gateway cannot be reached',
    async () => {
      process.kill(stack.pid, 'SIGTERM')
      await eventually(
        () =>
          fetch(stack.gateway).then(
            () => undefined,
            () => true,
          ),
        'the gateway stops',
      )
      expect(await saidByEach('alice', others)).toEqual(
        eachSays(
          others,
          7,
          'GATEWAY_UNREACHABLE',
          expect.stringContaining(`the gateway ${stack.gateway} cannot be reached`),
          expect.any(String),
        ),
      )
    },
    SCRIPT_TIMEOUT,
  )
})
