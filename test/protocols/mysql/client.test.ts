import { expect, it } from 'vitest'
import { mysqlClient } from '../../../src/protocols/mysql/client.ts'
import type { Target } from '../../../src/api/schemas/access.ts'

const target: Target = {
  name: 'shop',
  type: 'mysql',
  labels: {},
  access: 'standing',
  grant: 'standing',
  longestMs: 1000,
  reasonRequired: false,
  accounts: ['app'],
  database: 'shop',
}
const listener = { host: '127.0.0.1', port: 3306, socketDirectory: '/tmp' }

it.each<[string, Partial<Target>]>([
  ['an account', { accounts: ['app"\npager = sh -c x\n"'] }],
  ['a database', { database: 'shop\r[mysql]\rpager = x' }],
])('%s of a hostile gateway cannot add options to the option file', (_what, change) => {
  const start = { program: 'mariadb', args: [], target: { ...target, ...change }, listener, login: [], environment: {} }
  expect(() => mysqlClient.prepare(start)).toThrow('has control characters')
})

it('names of the gateway are words of a command that is pasted into a shell', () => {
  const { lines } = mysqlClient.describe({ ...target, accounts: ['a b'], database: '$(x)' }, listener, '/home')
  expect(lines[1]).toBe("  mariadb --host=127.0.0.1 --port=3306 --user='a b' --skip-ssl '$(x)'")
})
