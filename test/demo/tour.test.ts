import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { findKubernetes } from '../../src/demo/local-kubernetes.ts'
import { Browser } from '../../src/demo/browser.ts'
import { DEMO_PEOPLE } from '../../src/demo/setup.ts'
import { nodeClient } from '../../src/demo/tour-runner.ts'
import { eventually, serviceToken } from '../helpers/gateway-client.ts'
import { pamctlSignsIn, pamctlHome } from '../helpers/pamctl-client.ts'
import { hasProgram } from '../helpers/test-clients.ts'
import { pamctl, ROOT, run, start } from '../helpers/run.ts'

const leftovers = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('pamctl-demo-'))

it('the tour walks the whole story, and leaves nothing behind', async () => {
  const before = leftovers()
  const { code, stdout, stderr } = await run(process.execPath, ['dist/demo/main.js', '--tour'], { cwd: ROOT })
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain('That is the whole story: every step was checked.')
  // Where a cluster can be had, its step is in it.
  expect(stdout.includes('── The same on Kubernetes')).toBe(findKubernetes() !== undefined)
  expect(stdout.includes('── The same on a service of HTTP')).toBe(hasProgram('curl'))
  expect(leftovers().filter((name) => !before.includes(name) && stdout.includes(name))).toEqual([])
})

it('without psql and without a PostgreSQL of the system it uses what npm brings, and says so', async () => {
  const { code, stdout, stderr } = await run(process.execPath, ['dist/demo/main.js', '--tour'], {
    cwd: ROOT,
    env: { PAMCTL_DEMO_POSTGRES: 'npm', PATH: '/nonexistent' },
  })
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^PostgreSQL \d+\.\d+ \(from npm\)/)
  expect(stdout).toContain('uses node-postgres through the port of the agent instead')
  expect(stdout).toContain('curl is not installed here: the tour leaves out the service billing')
})

it('without --tour it prints what to try, and ends on request; with --saml people sign in with SAML alone, headless as well, and the single logout ends what they opened', async () => {
  const demo = start(process.execPath, [join(ROOT, 'dist', 'demo', 'main.js'), '--saml'], {})
  const jane = pamctlHome({ PAMCTL_TOUR_ROOT: ROOT })
  try {
    const stdout = await eventually(
      async () =>
        demo.output().includes('Ctrl-C stops everything and leaves nothing behind.') ? demo.output() : undefined,
      'what to try',
    )
    expect(stdout).toContain('pamctl connect prod-db')
    const hasMariadb = stdout.includes('the target shop-mysql')
    expect(stdout.includes('pamctl connect shop-mysql')).toBe(hasMariadb)
    expect(stdout.includes('pamctl exec web-1')).toBe(stdout.includes('the target web-1'))
    expect(stdout.includes('pamctl connect shop-k8s')).toBe(findKubernetes() !== undefined)
    expect(stdout).toContain('pamctl connect billing -- curl')
    expect(stdout.match(/-- held until Bob approves/g)).toHaveLength(hasMariadb ? 2 : 1)
    const gateway = printed(stdout, /gateway (http\S+),/)
    const { issuers } = (await (await fetch(`${gateway}/.well-known/pam-gateway`)).json()) as { issuers: object[] }
    expect(issuers).toEqual([expect.objectContaining({ name: 'evaluation', isGateway: true })])
    const browser = new Browser()
    await pamctlSignsIn(jane, ['--gateway', gateway], 'jane', browser)
    const client = hasProgram('psql')
      ? ['psql', '-X', '-A', '-t', '-c', 'select count(*) from customers']
      : nodeClient('select count(*) from customers')
    const query = () => pamctl(['connect', 'dev-db', '--', ...client], jane.environment)
    expect(await query()).toMatchObject({ code: 0, stdout: '20\n' })
    const token = await serviceToken(printed(stdout, /(http\S+)\/token/))
    const service = { PAMCTL_HOME: jane.home, PAMCTL_GATEWAY: gateway, PAMCTL_TOKEN: token }
    expect((await pamctl(['whoami'], service)).stdout).toContain('ci-deploy')
    expect(await browser.signIn(printed(stdout, /Single logout: (\S+)/), DEMO_PEOPLE.jane)).toContain(
      'You are signed out',
    )
    await eventually(async () => ((await query()).code === 4 ? true : undefined), 'the sign-in has ended')
  } finally {
    await pamctl(['agent', 'stop'], jane.environment)
    demo.kill('SIGTERM')
  }
  expect(await demo.closed).toBe(0)
  expect(demo.output()).not.toContain('demo:')
})

/** What the demo printed: a URL. */
function printed(output: string, pattern: RegExp): string {
  const found = pattern.exec(output)?.[1]
  if (found === undefined) throw new Error(`the demo does not print ${pattern}: ${output}`)
  return found
}
