import { describe, expect, it } from 'vitest'
import { tunnel } from '../../../src/cli/commands/tunnel.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { runVerb } from '../../helpers/verb.ts'

/** What it does with standard input and output is tested with ssh itself (test/integration/ssh-cli.test.ts). */
describe('pamctl tunnel', () => {
  const listener = { host: '127.0.0.1', port: 1 }
  it.each([
    [[], 'ssh'],
    [['--protocol', 'postgres'], 'postgres'],
  ])('%j asks the agent for a private socket that speaks %s', async (args, protocol) => {
    const outcome = await runVerb([tunnel], ['tunnel', 'web-1', ...args], { agent: { listen: listener } })
    expect(outcome.agentCalls).toEqual([
      { method: 'listen', params: { profile: 'default', target: 'web-1', protocol, private: true } },
    ])
    expect(outcome).toMatchObject({ code: 1, stderr: 'pamctl: this system has no Unix sockets: use connect\n' })
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
