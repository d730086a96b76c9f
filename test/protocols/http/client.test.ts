import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Target } from '../../../src/api/schemas/access.ts'
import { httpClient } from '../../../src/protocols/http/client.ts'

const URL_OF_PORT = 'http://127.0.0.1:20123'
const listener = { host: '127.0.0.1', port: 20_123, secret: 's3cret-of-port' }
const target: Target = {
  name: 'billing',
  type: 'http',
  labels: {},
  access: 'billing',
  grant: 'standing',
  longestMs: 3_600_000,
  reasonRequired: false,
  accounts: [],
}
let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

describe('an open port', () => {
  it('says where each program finds the secret, and has it in no line', () => {
    const { lines, json } = httpClient.describe(target, listener, home)
    const text = lines.join('\n')
    expect(text).not.toContain(listener.secret)
    for (const [name, variable] of [
      ['netrc', 'NETRC='],
      ['wgetrc', 'WGETRC='],
      ['curlConfig', 'curl --config '],
    ] as const) {
      const path = String(json[name])
      expect(text).toContain(`${variable}${path} `)
      expect(statSync(path).mode & 0o077).toBe(0)
      expect(readFileSync(path, 'utf8')).toContain(name === 'curlConfig' ? String(json['netrc']) : listener.secret)
    }
    expect(json).toMatchObject({ url: URL_OF_PORT, secret: listener.secret })
  })
})

it('names the host at which browsers reach the target, where there is one', () => {
  const appUrl = 'https://billing.apps.example.com'
  const { lines, json } = httpClient.describe({ ...target, appUrl }, listener, home)
  expect(lines.at(-1)).toContain(appUrl)
  expect(json).toMatchObject({ appUrl, url: URL_OF_PORT })
  expect(httpClient.describe(target, listener, home).json).not.toHaveProperty('appUrl')
})

describe('a program that pamctl starts', () => {
  it('finds the secret in its environment, and has it in no argument', () => {
    const { args, environment, cleanUp } = httpClient.prepare({
      program: '/usr/bin/curl',
      args: ['-XPOST', '/api/x'],
      target,
      listener,
      login: [],
      environment: { PAMCTL_TOKEN: 'token', NO_PROXY: 'internal' },
    })
    expect(args).toEqual(['-XPOST', `${URL_OF_PORT}/api/x`])
    expect(environment).toMatchObject({ PAMCTL_URL: URL_OF_PORT, PAMCTL_SECRET: listener.secret })
    expect(environment['PAMCTL_TOKEN']).toBeUndefined()
    expect(environment['NO_PROXY']).toBe('internal,127.0.0.1,localhost')
    const netrc = environment['NETRC'] ?? ''
    expect(readFileSync(netrc, 'utf8')).toContain(listener.secret)
    cleanUp()
    expect(() => statSync(netrc)).toThrow('ENOENT')
  })
})
