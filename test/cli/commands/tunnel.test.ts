import { describe, expect, it } from 'vitest'
import { tunnel } from '../../../src/cli/commands/tunnel.ts'
import { PamError } from '../../../src/shared/errors.ts'
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
