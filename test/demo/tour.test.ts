import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, it } from 'vitest'
import { findKubernetes } from '../../src/demo/local-kubernetes.ts'
import { hasProgram } from '../helpers/test-clients.ts'
import { ROOT, run } from '../helpers/run.ts'

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

it('without --tour it prints what to try, and ends when it is told to', async () => {
  const { code, stdout, stderr } = await run(process.execPath, ['dist/demo/main.js'], {
    cwd: ROOT,
    until: 'Ctrl-C stops everything and leaves nothing behind.',
  })
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain('pamctl connect prod-db')
  const hasMariadb = stdout.includes('the target shop-mysql')
  expect(stdout.includes('pamctl connect shop-mysql')).toBe(hasMariadb)
  expect(stdout.includes('pamctl connect shop-k8s')).toBe(findKubernetes() !== undefined)
  expect(stdout).toContain('pamctl connect billing -- curl')
  expect(stdout.match(/-- held until Bob approves/g)).toHaveLength(hasMariadb ? 2 : 1)
})
