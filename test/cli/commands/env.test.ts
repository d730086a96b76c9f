import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { env } from '../../../src/cli/commands/env.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { run } from '../../helpers/run.ts'
import { runVerb, type World } from '../../helpers/verb.ts'

const target = (type: string, more: object = {}) => ({
  name: 'shop',
  type,
  grant: 'standing',
  labels: {},
  accounts: [`o'brien`],
  // An option file of MySQL has an option a line, and takes no such name.
  database: type === 'mysql' ? 'a$(id)b' : 'a$(id)\nb',
  ...more,
})
const listener = { host: '127.0.0.1', port: 20_123, socketDirectory: '/run/pam/1', secret: 's3cret' }
const tls = { authority: 'CA', certificate: 'CERT', key: 'KEY' }

let home: string
beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'pamctl-test-'))))
afterEach(() => rmSync(home, { recursive: true, force: true }))

const world = (type: string, more: Partial<World> = {}): World => ({
  gateway: { 'GET /v1/targets': { items: [target(type)] } },
  agent: {
    'keep-port': { listener: { ...listener, tls }, endsAt: '2026-01-05T13:00:00Z' },
    'close-kept-port': { closed: true },
  },
  home,
  ...more,
})

/** What the verb prints as JSON. */
async function printed(type: string, args: readonly string[] = [], more: Partial<World> = {}) {
  const { stdout, code } = await runVerb([env], ['env', 'shop', '--json', ...args], world(type, more))
  expect(code).toBe(0)
  return JSON.parse(stdout) as { environment: Record<string, string | null>; port?: number; endsAt?: string }
}

describe('pamctl env', () => {
  it('keeps a port open in the agent, and points libpq to its Unix socket, which no other program can take over', async () => {
    const { environment, ...rest } = await printed('postgres', [], {
      environment: { PGSERVICE: 'elsewhere', PGPASSWORD: 'x', PGPORT: '20123', HOME: '/h' },
    })
    expect(rest).toEqual({ target: 'shop', port: 20_123, endsAt: '2026-01-05T13:00:00Z' })
    expect(environment).toEqual({
      PGHOST: '/run/pam/1',
      PGUSER: `o'brien`,
      PGDATABASE: 'a$(id)\nb',
      PGSSLMODE: 'disable',
      PGCLIENTENCODING: 'UTF8',
      PGPASSFILE: expect.stringContaining(home),
      PGSERVICE: null,
      PGPASSWORD: null,
    })
    expect(readFileSync(environment['PGPASSFILE'] ?? '', 'utf8')).toBe('*:*:*:*:s3cret\n')
    expect(statSync(environment['PGPASSFILE'] ?? '').mode & 0o077).toBe(0)
  })

  it('points programs of MySQL, Kubernetes and HTTP to the port, by private files', async () => {
    const { environment: mysql } = await printed('mysql')
    expect(mysql).toMatchObject({
      MYSQL_HOST: 'localhost',
      MYSQL_UNIX_PORT: '/run/pam/1/mysql.sock',
      MYSQL_TCP_PORT: '20123',
    })
    expect(readFileSync(join(mysql['MYSQL_HOME'] ?? '', 'my.cnf'), 'utf8')).toContain(
      'socket = "/run/pam/1/mysql.sock"',
    )
    const { environment: kubernetes } = await printed('kubernetes')
    const kubeconfig = kubernetes['KUBECONFIG'] ?? ''
    expect([statSync(kubeconfig).mode & 0o077, readFileSync(kubeconfig, 'utf8')]).toEqual([
      0,
      expect.stringContaining('https://127.0.0.1:20123'),
    ])
    const { environment: http } = await printed('http', [], { environment: { NO_PROXY: 'intranet' } })
    expect(http).toMatchObject({ PAMCTL_URL: 'http://127.0.0.1:20123', NO_PROXY: 'intranet,127.0.0.1,localhost' })
  })

  it('changes nothing when it is run twice', async () => {
    const first = await printed('mysql')
    const again = await printed('mysql', [], { environment: first.environment as NodeJS.ProcessEnv })
    // The variable that the option file's own directory is in is no place of options of the user's.
    expect(again.environment).toEqual({})
    expect(readFileSync(join(first.environment['MYSQL_HOME'] ?? '', 'my.cnf'), 'utf8')).not.toContain('!include /tmp')
  })

  it('can be evaluated, whatever names contain', async () => {
    const { stdout } = await runVerb([env], ['env', 'shop', '--shell', 'sh'], world('postgres'))
    const echo = `${stdout}printf '%s|%s|%s' "$PGUSER" "$PGDATABASE" "$PGPORT"`
    expect((await run('sh', ['-c', echo])).stdout).toBe(`o'brien|a$(id)\nb|20123`)
  })

  it.each([
    ['/usr/bin/fish', String.raw`set -gx PGUSER 'o\'brien'`],
    ['/usr/bin/pwsh', "$env:PGUSER = 'o''brien'"],
    ['/bin/bash', String.raw`export PGUSER='o'\''brien'`],
  ])('is written for the shell in SHELL=%s', async (SHELL, line) => {
    const { stdout } = await runVerb([env], ['env', 'shop'], world('postgres', { environment: { SHELL } }))
    expect(stdout.split('\n')).toContain(line)
  })

  it('--close removes what was set, and no variable of others', async () => {
    const present = { PGHOST: '/run/pam/1', PGPORT: '1', PGAPPNAME: 'mine', HOME: '/h' }
    const { stdout, stderr, agentCalls } = await runVerb(
      [env],
      ['env', 'shop', '--close', '--shell', 'sh'],
      world('postgres', { environment: present }),
    )
    expect([stdout, stderr]).toEqual(['unset PGHOST\nunset PGPORT\n', 'closed the port of shop\n'])
    expect(agentCalls).toContainEqual({ method: 'close-kept-port', params: { profile: 'default', target: 'shop' } })
    const http = await printed('http', ['--close'], { environment: { NO_PROXY: 'x', PAMCTL_URL: 'y' } })
    expect(http.environment).toEqual({ PAMCTL_URL: null })
  })

  it('on failure, lets a shell run nothing behind && with the previous settings', async () => {
    const refused = world('postgres', { agent: { 'keep-port': new PamError('LOCKED', 'locked') } })
    const { stdout, code } = await runVerb([env], ['env', 'shop', '--shell', 'sh'], refused)
    expect([stdout, code]).toEqual(['false\n', 5])
    expect((await runVerb([env], ['env', 'shop', '--json'], refused)).stdout).toBe('')
    expect((await run('sh', ['-c', `eval '${stdout}' && echo ran`])).stdout).toBe('')
  })

  it.each([
    ['ssh', {}, 'shop is an SSH target, and SSH programs take no target from the environment', 2],
    ['oracle', {}, 'this pamctl does not know targets of type oracle, such as shop', 1],
    ['postgres', { environment: { PAMCTL_TOKEN: 't' } }, 'pamctl env is not available to services', 2],
  ])('opens nothing for %s with %j', async (type, more, message, expected) => {
    const { code, stderr, agentCalls } = await runVerb([env], ['env', 'shop'], world(type, more))
    expect([code, agentCalls]).toEqual([expected, []])
    expect(stderr).toContain(message)
  })
})
