import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Browser } from '../../src/demo/browser.ts'
import { DEMO_PEOPLE } from '../../src/demo/setup.ts'
import { startDemoStack, type DemoStack } from '../../src/demo/stack.ts'
import { serviceToken } from '../helpers/gateway-client.ts'
import { pamctl, PSQL, ROOT } from '../helpers/run.ts'
import { runPamctl } from '../helpers/run-pamctl.ts'
import { runScript } from '../helpers/script.ts'
import { TEST_TIMEOUT } from '../helpers/timeouts.ts'
import { spawn } from 'node:child_process'

let stack: DemoStack
let token: string
const home = mkdtempSync(join(tmpdir(), 'pamctl-test-cli-'))

beforeAll(async () => {
  stack = await startDemoStack()
  for (const who of ['jane', 'bob', 'alice'] as const) await login(who)
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

/** Device sign-in with the real command line: the link it prints is opened. */
function login(who: keyof typeof DEMO_PEOPLE): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [join(ROOT, 'bin', 'pamctl.js'), 'login', '--gateway', stack.gateway, '--no-browser'],
      {
        env: { ...process.env, ...environment(who) },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    let text = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const [, url, code] = /Open (\S+) and enter\s+(\S+)\n/.exec(text) ?? []
      if (url === undefined) return
      text = ''
      new Browser().signIn(`${url}?user_code=${code}`, DEMO_PEOPLE[who]).catch(reject)
    })
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(text))))
  })
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
