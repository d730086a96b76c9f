import { describe, expect, it } from 'vitest'
import { query } from '../../../src/cli/commands/query.ts'
import { runVerb, type World } from '../../helpers/verb.ts'

const target = (type: string) => ({ name: 'prod', type, grant: 'standing', accounts: ['app'], database: 'app' })
const world = (type: string): World => ({
  gateway: { 'GET /v1/targets': { items: [target(type)] } },
  agent: { listen: { host: '127.0.0.1', port: 1 } },
})
const pamctl = (args: readonly string[], type = 'postgres') => runVerb([query], ['query', ...args], world(type))

describe('pamctl query', () => {
  it.each([
    [
      'a target without statements',
      ['prod', 'select 1'],
      'ssh',
      'prod is an SSH target',
      'pamctl exec prod -- COMMAND',
    ],
    [
      'a target of a newer gateway',
      ['prod', 'select 1'],
      'oracle',
      'does not know targets of type oracle',
      'update pamctl',
    ],
    ['no statement', ['prod'], 'postgres', 'no statement was given', '--file'],
    ['a blank statement', ['prod', ' '], 'postgres', 'no statement was given', '--file'],
    ['two statements', ['prod', 'select 1', '-f', 'x'], 'postgres', 'given twice', '--file'],
    ['a file that is not there', ['prod', '-f', '/nowhere/x.sql'], 'postgres', 'there is no file', '/nowhere/x.sql'],
    ['rows without end', ['prod', 'select 1', '--max-rows', '1e9'], 'postgres', 'expected a whole number', '1000000'],
    ['two formats', ['prod', 'select 1', '--json', '--format', 'csv'], 'postgres', '--json', 'cannot be used with'],
  ])('opens nothing for %s', async (_, args, type, message, more) => {
    const { code, stdout, stderr, agentCalls } = await pamctl(args, type)
    expect({ code, stdout, agentCalls }).toEqual({ code: type === 'oracle' ? 1 : 2, stdout: '', agentCalls: [] })
    expect(stderr).toContain(message)
    expect(stderr).toContain(more)
  })

  it('says that the port could not be reached, and not that the statement ran', async () => {
    const { code, stderr, agentCalls } = await pamctl(['prod', 'select 1'])
    expect([code, agentCalls.map(({ method }) => method)]).toEqual([7, ['listen']])
    expect(stderr).toContain('pamctl: the connection was lost')
  })
})
