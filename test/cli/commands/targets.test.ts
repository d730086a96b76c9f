import { describe, expect, it } from 'vitest'
import { targets } from '../../../src/cli/commands/targets.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { runVerb } from '../../helpers/verb.ts'

const target = (name: string, labels: object) => ({ name, type: 'postgres', labels, access: 'on request\u001b[2J' })

describe('pamctl targets', () => {
  it('lists all pages, with nothing in them that a terminal would act on', async () => {
    const { stdout, calls } = await runVerb([targets], ['targets'], {
      gateway: {
        'GET /v1/targets?limit=500': { items: [target('prod-db', { env: 'prod', team: 'a' })], next: 'c' },
        'GET /v1/targets?limit=500&cursor=c': { items: [target('dev-db', {})] },
      },
    })
    expect(stdout).toBe(
      'prod-db\tpostgres\tenv=prod,team=a\ton request\\u{1b}[2J\ndev-db\tpostgres\t\ton request\\u{1b}[2J\n',
    )
    expect(calls).toHaveLength(2)
  })

  it('has a heading on a terminal alone', async () => {
    const gateway = { 'GET /v1/targets': { items: [target('dev-db', {})] } }
    const { stdout } = await runVerb([targets], ['targets'], { gateway, terminal: true })
    expect(stdout.split('\n')[0]).toMatch(/^NAME +TYPE +LABELS +ACCESS$/)
  })

  it('lists where browsers reach them, where one is an app', async () => {
    const appUrl = 'https://shop.apps.example.com:8443'
    const items = [{ ...target('shop', {}), appUrl }, target('dev-db', {})]
    const { stdout } = await runVerb([targets], ['targets'], { gateway: { 'GET /v1/targets': { items } } })
    expect(stdout.split('\n').map((line) => line.split('\t')[4])).toEqual([appUrl, '', undefined])
  })

  it('says that there are none', async () => {
    const world = { gateway: { 'GET /v1/targets': { items: [] } } }
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
