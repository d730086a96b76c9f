import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tunnel } from '../../../src/cli/commands/tunnel.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { VERSION } from '../../../src/shared/version.ts'
import { runVerb } from '../../helpers/verb.ts'

/** What it does with standard input and output is tested with ssh itself (test/integration/ssh-cli.test.ts). */
describe('pamctl tunnel', () => {
  const listener = { host: '127.0.0.1', port: 1 }
  const targets = (type: string) => ({ 'GET /v1/targets': { items: [{ name: 'web-1', type }] } })
  it.each([
    ['with an option', ['--protocol', 'postgres'], {}, 'postgres', []],
    ['by the target', [], targets('postgres'), 'postgres', ['GET /v1/targets?limit=500']],
    ['by the target', [], targets('ssh'), 'ssh', ['GET /v1/targets?limit=500']],
    ['for a target of a type that it does not know', [], targets('newer'), 'ssh', ['GET /v1/targets?limit=500']],
    [
      'where the gateway does not say',
      [],
      { 'GET /v1/targets': new PamError('INTERNAL', 'x') },
      'ssh',
      ['GET /v1/targets?limit=500'],
    ],
  ])('%s, asks the agent for a private socket: %j', async (_, args, gateway, protocol, asked) => {
    const outcome = await runVerb([tunnel], ['tunnel', 'web-1', ...args], { agent: { listen: listener }, gateway })
    expect(outcome.agentCalls.filter(({ method }) => method === 'listen')).toEqual([
      { method: 'listen', params: { profile: 'default', target: 'web-1', protocol, private: true } },
    ])
    expect(outcome.calls.map(({ call }) => call)).toEqual(asked)
    expect(outcome).toMatchObject({
      code: 1,
      stderr: 'pamctl: this system has no Unix sockets\nhint: open a port: pamctl connect web-1\n',
    })
  })

  it('ends with what the agent says', async () => {
    const agent = { listen: new PamError('TARGET_UNKNOWN', 'no such target', { hint: 'look' }) }
    expect(await runVerb([tunnel], ['tunnel', 'x'], { agent })).toMatchObject({
      code: 5,
      stdout: '',
      stderr: 'pamctl: no such target\nhint: look\n',
    })
  })

  it.each([[['x', '--protocol', 'telnet']], [[]]])('%j is wrong usage', async (args) => {
    expect(await runVerb([tunnel], ['tunnel', ...args])).toMatchObject({ code: 2, stdout: '' })
  })
})

describe('a connection', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-tunnel-'))
  const socketPath = join(directory, 'socket')
  // Says what it was told, and closes.
  const target = createServer((socket) => void socket.on('data', (data) => socket.end(`heard ${data.toString()}`)))
  beforeAll(() => new Promise<void>((resolve) => void target.listen(socketPath, resolve)))
  afterAll(() => {
    target.close()
    rmSync(directory, { recursive: true })
  })
  const world = {
    agent: { listen: { host: '', port: 0, socketPath }, hello: { version: VERSION, pid: 1 } },
    typed: 'typed',
    terminal: true,
  }

  it.each([
    [
      'postgres',
      'pamctl: this terminal is now a PostgreSQL connection to db, and no port is open; Ctrl-C closes it\n' +
        'hint: to run psql on db: pamctl connect db -- psql\n' +
        'hint: to open a port to db for other clients: pamctl connect db\n',
    ],
    [
      'ssh',
      'pamctl: this terminal is now an SSH connection to db, and no port is open; Ctrl-C closes it\n' +
        'hint: to run ssh on db: pamctl connect db -- ssh\n' +
        'hint: to use plain ssh, scp and git: pamctl ssh-config --install\n',
    ],
  ])('of %s at a terminal says what it is, and what was probably meant', async (protocol, stderr) => {
    const outcome = await runVerb([tunnel], ['tunnel', 'db', '--protocol', protocol], world)
    expect(outcome).toMatchObject({ code: 0, stdout: 'heard typed', stderr })
  })

  it('with pipes says nothing that the client would show', async () => {
    const { typed: _, ...pipes } = world
    const piped = { ...pipes, input: 'piped' }
    const outcome = await runVerb([tunnel], ['tunnel', 'db', '--protocol', 'postgres'], piped)
    expect(outcome).toMatchObject({ code: 0, stdout: 'heard piped', stderr: '' })
  })
})
