import { describe, expect, it } from 'vitest'
import { breakglass } from '../../../src/cli/commands/breakglass.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { ago, runVerb } from '../../helpers/verb.ts'

const USE = {
  id: 'brk_1',
  person: { label: 'jane' },
  target: 'prod-db',
  state: 'active',
  createdAt: ago(5),
  endsAt: ago(-25),
  reason: 'orders\tstuck',
  reviewers: ['security'],
}
const run = (args: readonly string[], gateway: object) =>
  runVerb([breakglass], ['breakglass', ...args], { gateway: gateway as never })

describe('pamctl breakglass', () => {
  it('start prints the end, who was told, and who will ask', async () => {
    const gateway = { 'POST /v1/break-glass': { ...USE, announced: ['ops', 'slack'] } }
    const outcome = await run(['start', 'prod-db', '--reason', 'x', '--for', '30m'], gateway)
    expect(outcome).toMatchObject({
      code: 0,
      calls: [{ call: 'POST /v1/break-glass', body: { target: 'prod-db', reason: 'x', lengthMs: 1_800_000 } }],
      stdout: 'brk_1\n',
    })
    expect(outcome.stderr).toContain('announced to ops, slack')
    expect(outcome.stderr).toContain('security will review it')
    const mute = await run(['start', 'prod-db', '--reason', 'x'], { 'POST /v1/break-glass': { ...USE, announced: [] } })
    expect(mute.stderr).toContain('no channel has accepted the announcement yet')
    const failed = new PamError('ANNOUNCEMENT_FAILED', 'nobody could be told')
    expect(await run(['start', 'a', '--reason', 'x'], { 'POST /v1/break-glass': failed })).toMatchObject({ code: 1 })
    expect(await run(['start', 'prod-db'], {})).toMatchObject({ code: 2, calls: [] })
  })

  it('list shows what is outstanding, or all', async () => {
    const closed = { ...USE, id: 'brk_2', state: 'closed', reviewed: { by: 'sam' } }
    const gateway = { 'GET /v1/break-glass': { items: [USE, closed] } }
    const outcome = await run(['list', '--all'], gateway)
    expect(outcome.stdout).toBe(
      'brk_1\tjane\tprod-db\tactive\t5m ago\tin 25m\torders stuck\nbrk_2\tjane\tprod-db\treviewed by sam\t5m ago\tin 25m\torders stuck\n',
    )
    expect(outcome.calls).toEqual([{ call: 'GET /v1/break-glass?open=false&limit=500' }])
    expect((await run(['list'], { 'GET /v1/break-glass': { items: [] } })).stderr).toBe('no review is outstanding\n')
    expect(JSON.parse((await run(['list', '--json'], gateway)).stdout)).toEqual([USE, closed])
  })

  it('review needs the id of an emergency, and a comment', async () => {
    const call = 'POST /v1/break-glass/brk_1/review'
    expect(await run(['review', 'brk_1', '--comment', 'all right'], { [call]: USE })).toMatchObject({
      code: 0,
      calls: [{ call, body: { comment: 'all right' } }],
      stderr: 'closed the review of brk_1: jane on prod-db\n',
    })
    expect(await run(['review', 'brk_1'], {})).toMatchObject({ code: 2, calls: [] })
    expect(await run(['review', 'grt_1', '--comment', 'x'], {})).toMatchObject({ code: 2, calls: [] })
  })
})
