import { describe, expect, it } from 'vitest'
import { logout, whoami } from '../../../src/cli/commands/identity.ts'
import { clockTime } from '../../../src/cli/output/clock-time.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { NOW, runVerb } from '../../helpers/verb.ts'

describe('pamctl whoami', () => {
  const who = (person: object, roles: string[] = []) => ({
    'GET /v1/whoami': { person, roles, provenUntil: '2026-01-05T13:00:00.000Z' },
  })
  it.each([
    [
      'a person',
      who({ label: 'Jane\u001b[1m', kind: 'person', groups: ['a', 'b'] }, ['audit', 'operate']),
      'Jane\\u{1b}[1m\ngroups   a, b\nroles    audit, operate\n',
    ],
    ['a service', who({ label: 'ci', kind: 'service', groups: [] }), 'ci (service)\ngroups   none\n'],
  ])('%s', async (_, gateway, head) => {
    const { stdout } = await runVerb([whoami], ['whoami'], { gateway })
    expect(stdout).toBe(
      `${head}gateway  https://gateway.example\nverified until ${clockTime('2026-01-05T13:00:00.000Z', new Date(NOW))} (renewed by the agent while in use)\n`,
    )
    const json = await runVerb([whoami], ['whoami', '--json'], { gateway })
    expect(JSON.parse(json.stdout)).toEqual({ gateway: 'https://gateway.example', ...gateway['GET /v1/whoami'] })
  })
})

describe('pamctl logout', () => {
  const agent = { logout: { gateway: 'https://gateway.example' } }
  it('signs out here, or everywhere on request', async () => {
    const here = await runVerb([logout], ['logout'], { agent })
    expect(here).toMatchObject({ code: 0, calls: [], stderr: 'signed out of https://gateway.example\n' })
    expect(here.agentCalls).toEqual([{ method: 'logout', params: { profile: 'default' } }])
    const everywhere = await runVerb([logout], ['logout', '--everywhere'], {
      agent,
      gateway: { 'DELETE /v1/logins': {} },
    })
    expect(everywhere.calls).toEqual([{ call: 'DELETE /v1/logins' }])
    expect(everywhere.stderr).toBe('signed out of https://gateway.example, everywhere\n')
    const json = await runVerb([logout], ['logout', '--json'], { agent })
    expect(json.stderr).toBe('')
    expect(JSON.parse(json.stdout)).toEqual({ gateway: 'https://gateway.example', everywhere: false })
  })

  it('stays signed in here if the gateway could not sign out everywhere', async () => {
    const gateway = { 'DELETE /v1/logins': new PamError('GATEWAY_UNREACHABLE', 'no answer') }
    expect(await runVerb([logout], ['logout', '--everywhere'], { agent, gateway })).toMatchObject({
      code: 7,
      agentCalls: [],
    })
  })
})
