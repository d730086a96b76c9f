import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Target } from '../../src/api/schemas/access.ts'
import { httpClient } from '../../src/protocols/http/client.ts'
import { kubernetesClient } from '../../src/protocols/kubernetes/client.ts'
import { mysqlClient } from '../../src/protocols/mysql/client.ts'
import { postgresClient } from '../../src/protocols/postgres/client.ts'

let directory: string
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'pamctl-test-files-'))))
afterEach(() => rmSync(directory, { recursive: true }))

const target = { name: 'prod', type: 'x', accounts: ['app'], database: 'd', labels: {} } as unknown as Target
const listener = {
  host: '127.0.0.1',
  port: 4711,
  secret: 'secret',
  tls: { certificate: 'c', key: 'k', authority: 'a' },
} as never
const start = () => ({ target, listener, directory, inherited: {} })

it.each([
  ['the kubeconfig of connect', () => kubernetesClient.describe(target, listener, directory)],
  ['the kubeconfig of env', () => kubernetesClient.environment?.(start())],
  ['files of HTTP clients', () => httpClient.environment?.(start())],
  ['the password file of libpq', () => postgresClient.environment?.(start())],
  ['the option file of MySQL', () => mysqlClient.environment?.(start())],
])('%s: only its owner can read it, also where another file was there', (_what, write) => {
  write()
  const files = readdirSync(directory).map((name) => join(directory, name))
  expect(files.length).toBeGreaterThan(0)
  for (const file of files) {
    writeFileSync(file, 'before')
    chmodSync(file, 0o666)
  }
  write()
  expect(readdirSync(directory)).toHaveLength(files.length)
  for (const file of files) expect([file, (statSync(file).mode & 0o777).toString(8)]).toEqual([file, '600'])
})
