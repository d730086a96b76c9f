import { describe, expect, it } from 'vitest'
import { agent } from '../../../src/cli/commands/agent.ts'
import { VERSION } from '../../../src/shared/version.ts'
import { runVerb } from '../../helpers/verb.ts'

const status = {
  version: VERSION,
  pid: 12,
  listeners: [{ gateway: 'https://g', person: 'jane', target: 'prod-db', port: 5433, tunnels: 2 }],
}

describe('pamctl agent', () => {
  it.each([
    [['status'], '', 'the agent is not running\n'],
    [['status', '--json'], 'null\n', ''],
    [['stop'], '', 'the agent is not running\n'],
    [['stop', '--json'], '{\n  "wasRunning": false\n}\n', ''],
  ])('%j does not start an agent', async (args, stdout, stderr) => {
    expect(await runVerb([agent], ['agent', ...args])).toMatchObject({ code: 0, stdout, stderr })
  })

  it('status lists what is open', async () => {
    expect(await runVerb([agent], ['agent', 'status'], { agent: { status } })).toMatchObject({
      code: 0,
      stdout: 'prod-db\t5433\t2\thttps://g\n',
      stderr: `agent ${VERSION}, process 12\n`,
    })
    const { stdout } = await runVerb([agent], ['agent', 'status', '--json'], { agent: { status } })
    expect(JSON.parse(stdout)).toEqual(status)
  })

  it('start finds the running agent', async () => {
    const answers = { hello: { version: VERSION, pid: 12 }, status }
    const { stderr, agentCalls } = await runVerb([agent], ['agent', 'start'], { agent: answers })
    expect(stderr).toBe('the agent runs (process 12)\n')
    expect(agentCalls.map(({ method }) => method)).toEqual(['hello', 'status'])
  })

  it('an agent of another version that is in use is left alone', async () => {
    const answers = { hello: { version: '0.0.1', pid: 12 }, status }
    const { code, stderr, agentCalls } = await runVerb([agent], ['agent', 'start'], { agent: answers })
    expect(code).toBe(7)
    expect(stderr).toContain(`agent version 0.0.1 is still serving connections, but this is pamctl ${VERSION}`)
    expect(agentCalls.map(({ method }) => method)).not.toContain('stop')
  })

  it('stop reports when the agent has exited', async () => {
    const { stderr, agentCalls } = await runVerb([agent], ['agent', 'stop'], { agent: { stop: {} } })
    expect(stderr).toBe('the agent has stopped\n')
    expect(agentCalls).toEqual([{ method: 'stop', params: {} }])
  })

  it('start and stop print JSON', async () => {
    const answers = { hello: { version: VERSION, pid: 12 }, status, stop: {} }
    const started = await runVerb([agent], ['agent', 'start', '--json'], { agent: answers })
    expect([JSON.parse(started.stdout), started.stderr]).toEqual([{ pid: 12 }, ''])
    const stopped = await runVerb([agent], ['agent', 'stop', '--json'], { agent: answers })
    expect([JSON.parse(stopped.stdout), stopped.stderr]).toEqual([{ wasRunning: true }, ''])
  })
})
