import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Browser } from '../../src/demo/browser.ts'
import { DEMO_PEOPLE } from '../../src/demo/setup.ts'
import { eventually } from './gateway-client.ts'
import { runPamctl } from './run-pamctl.ts'
import { ROOT, start as startProgram, type RunningProgram } from './run.ts'

/** A home of its own in which somebody has signed in with `pamctl login`. */
export interface PamctlHome {
  readonly home: string
  readonly environment: NodeJS.ProcessEnv
  /** Where the `pamctl` is that it is used with. */
  readonly root: string
  start(this: void, args: readonly string[]): RunningPamctl
}

export type RunningPamctl = RunningProgram

/** Within this process: to start another takes longer than a sign-in. */
function startWithin(args: readonly string[], env: NodeJS.ProcessEnv): Pick<RunningPamctl, 'output' | 'closed'> {
  let output = ''
  const closed = runPamctl(args, { environment: { ...process.env, ...env }, heard: (text) => (output += text) })
  return { output: () => output, closed }
}

export async function pamctlSignedIn(
  gateway: string,
  who: keyof typeof DEMO_PEOPLE,
  {
    flags = [],
    environment = {},
    root = ROOT,
  }: { flags?: readonly string[]; environment?: NodeJS.ProcessEnv; root?: string } = {},
): Promise<PamctlHome> {
  const signedIn = pamctlHome(environment, root)
  await pamctlSignsIn(signedIn, ['--gateway', gateway, ...flags], who)
  return signedIn
}

/** A home in which nobody has signed in. */
export function pamctlHome(environment: NodeJS.ProcessEnv = {}, root = ROOT): PamctlHome {
  const home = mkdtempSync(join(tmpdir(), 'pamctl-test-home-'))
  const own: NodeJS.ProcessEnv = { PAMCTL_HOME: home, PAMCTL_SECRET_STORE: 'file', NO_COLOR: '1', ...environment }
  const start = (args: readonly string[]): RunningPamctl =>
    startProgram(process.execPath, [join(root, 'bin', 'pamctl.js'), ...args], own)
  return { home, environment: own, root, start }
}

/** `pamctl login` in a home that exists. */
export async function pamctlSignsIn(
  home: PamctlHome,
  flags: readonly string[],
  who: keyof typeof DEMO_PEOPLE,
  browser = new Browser(),
): Promise<void> {
  const args = ['login', '--no-browser', ...flags]
  const login = home.root === ROOT ? startWithin(args, home.environment) : home.start(args)
  const link = await eventually(() => /Open (\S+) and enter\s+(\S+)/.exec(login.output()) ?? undefined, 'the link')
  await browser.signIn(`${link[1]}?user_code=${link[2]}`, DEMO_PEOPLE[who])
  const code = await login.closed
  if (code !== 0) throw new Error(`pamctl login ends with ${code}: ${login.output()}`)
}
