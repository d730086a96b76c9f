import { describe, expect, it } from 'vitest'
import { targets } from '../../../src/cli/commands/targets.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { runVerb } from '../../helpers/verb.ts'

const target = (name: string, labels: object) => ({ name, type: 'postgres', labels, access: 'on request\u001b[2J' })

/** Nothing is held. */
const NOTHING = {
  'GET /v1/grants': { items: [] },
  'GET /v1/sessions': { items: [] },
  'GET /v1/whoami': { person: { id: 'x|jane' } },
}
const agent = { status: { version: '0', pid: 1, listeners: [] } }

describe('pamctl targets', () => {
  it('prints the end of each grant, its port, and the number of sessions', async () => {
    const gateway = {
      'GET /v1/targets': { items: [target('prod-db', {}), target('dev-db', {}), target('old-db', {})] },
      'GET /v1/grants': {
        items: [
          { id: 'grt_1', target: 'prod-db', state: 'active', endsAt: '2026-01-05T12:30:00Z' },
          { id: 'grt_2', target: 'old-db', state: 'revoked', endsAt: '2026-01-05T12:30:00Z' },
        ],
      },
      'GET /v1/sessions': { items: [{ target: 'prod-db' }, { target: 'prod-db' }] },
      'GET /v1/whoami': { person: { id: 'x|jane' } },
    }
    const listener = {
      gateway: 'https://gateway.example',
      person: 'x|jane',
      target: 'dev-db',
      port: 20_001,
      tunnels: 0,
    }
    const others = [
      { ...listener, target: 'prod-db', person: 'x|bob' },
      { ...listener, target: 'prod-db', gateway: 'https://other.example' },
      { ...listener, target: 'prod-db', port: 0 },
    ]
    const world = { gateway, agent: { status: { version: '0', pid: 1, listeners: [...others, listener] } } }
    const { stdout } = await runVerb([targets], ['targets', '--json'], world)
    expect(JSON.parse(stdout)).toMatchObject([
      { name: 'prod-db', held: { grantId: 'grt_1', endsAt: '2026-01-05T12:30:00Z' }, sessions: 2 },
      { name: 'dev-db', port: 20_001, sessions: 0 },
      { name: 'old-db', sessions: 0 },
    ])
    expect(stdout.match(/"(?:held|port)"/g)).toHaveLength(2)
    const table = await runVerb([targets], ['targets'], world)
    expect(table.stdout.split('\n').map((line) => line.split('\t').slice(5))).toEqual([
      ['', '2'],
      ['20001', ''],
      ['', ''],
      [],
    ])
  })

  it('lists all pages, without control characters', async () => {
    const { stdout, calls } = await runVerb([targets], ['targets'], {
      agent,
      gateway: {
        ...NOTHING,
        'GET /v1/targets?limit=500': { items: [target('prod-db', { env: 'prod', team: 'a' })], next: 'c' },
        'GET /v1/targets?limit=500&cursor=c': { items: [target('dev-db', {})] },
      },
    })
    expect(stdout).toBe(
      'prod-db\tpostgres\tenv=prod,team=a\ton request\\u{1b}[2J\ndev-db\tpostgres\t\ton request\\u{1b}[2J\n',
    )
    expect(calls.filter(({ call }) => call.startsWith('GET /v1/targets'))).toHaveLength(2)
  })

  it('prints a heading on a terminal only', async () => {
    const gateway = { ...NOTHING, 'GET /v1/targets': { items: [target('dev-db', {})] } }
    const { stdout } = await runVerb([targets], ['targets'], { gateway, agent, terminal: true })
    expect(stdout.split('\n')[0]).toMatch(/^NAME +TYPE +LABELS +ACCESS$/)
  })

  it('lists the URLs for browsers of targets that are apps', async () => {
    const appUrl = 'https://shop.apps.example.com:8443'
    const items = [{ ...target('shop', {}), appUrl }, target('dev-db', {})]
    const { stdout } = await runVerb([targets], ['targets'], {
      agent,
      gateway: { ...NOTHING, 'GET /v1/targets': { items } },
    })
    expect(stdout.split('\n').map((line) => line.split('\t')[4])).toEqual([appUrl, '', undefined])
  })

  it('says which are locked', async () => {
    const locked = 'dev-db is locked: incident 4711 (locked by bob)'
    const gateway = { ...NOTHING, 'GET /v1/targets': { items: [{ ...target('dev-db', {}), locked }] } }
    const { stdout } = await runVerb([targets], ['targets'], { gateway, agent })
    expect(stdout).toBe('dev-db\tpostgres\t\tlocked\n')
  })

  it('says which were revoked, though a rule gives them', async () => {
    const revoked = 'your access to dev-db was revoked by bob: left the team'
    const gateway = { ...NOTHING, 'GET /v1/targets': { items: [{ ...target('dev-db', {}), revoked }] } }
    const { stdout } = await runVerb([targets], ['targets'], { gateway, agent })
    expect(stdout).toBe('dev-db\tpostgres\t\trevoked\n')
  })

  it('says that there are none', async () => {
    const world = { agent, gateway: { ...NOTHING, 'GET /v1/targets': { items: [] } } }
    expect(await runVerb([targets], ['targets'], world)).toMatchObject({ stdout: '', stderr: 'no targets\n', code: 0 })
    expect((await runVerb([targets], ['targets', '--json'], world)).stdout).toBe('[]\n')
  })

  it.each([
    ['NOT_SIGNED_IN', 4],
    ['GATEWAY_UNREACHABLE', 7],
  ] as const)('%s ends with %i', async (error, code) => {
    const world = { gateway: { 'GET /v1/targets': new PamError(error, 'no') } }
    expect(await runVerb([targets], ['targets'], world)).toMatchObject({ code, stdout: '', stderr: 'pamctl: no\n' })
  })
})
