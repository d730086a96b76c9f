import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { revoke } from '../../../src/cli/commands/grants.ts'
import { unlock } from '../../../src/cli/commands/locks.ts'
import { withdraw } from '../../../src/cli/commands/requests.ts'
import { approve } from '../../../src/cli/commands/reviews.ts'
import { kill } from '../../../src/cli/commands/sessions.ts'
import { nearestId } from '../../../src/cli/completion/suggest-id.ts'
import type { AddCommand } from '../../../src/cli/command.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { VERSION } from '../../../src/shared/version.ts'
import { ago, runVerb, type World } from '../../helpers/verb.ts'

const person = { id: 'sub|jane', kind: 'person', label: 'jane@example.com', groups: [] }
const item = (id: string): object => ({
  id,
  target: 'prod-db',
  what: 'prod-db',
  state: 'pending',
  person,
  requester: person,
  createdAt: ago(1),
  openedAt: ago(1),
})
const missing = (id: string): PamError => new PamError('NOT_FOUND', `nothing with the id ${id} is visible to you`)
const agent: World['agent'] = { hello: { version: VERSION, pid: 1 } }

describe('an unknown id', () => {
  it.each<[AddCommand, string, string, call: string, list: string, id: string]>([
    [
      withdraw,
      'withdraw',
      'req_2nj8kxp4vqzz',
      'POST /v1/requests/req_2nj8kxp4vqzz/withdraw',
      '/v1/requests',
      'req_2nj8kxp4vqab',
    ],
    [approve, 'approve', 'apr_9w3r6gq1xe', 'GET /v1/reviews/apr_9w3r6gq1xe', '/v1/reviews', 'apr_9w3r6gq1xeab'],
    [approve, 'approve', '9w3r6gq1xeab', 'GET /v1/reviews/9w3r6gq1xeab', '/v1/reviews', 'apr_9w3r6gq1xeab'],
    [kill, 'kill', 'ses_3f', 'POST /v1/sessions/ses_3f/kill', '/v1/sessions', 'ses_3f8yq1m5cdab'],
    [revoke, 'revoke', 'grt_7c1m9zt0bwab', 'POST /v1/grants/grt_7c1m9zt0bwab/revoke', '/v1/grants', 'grt_7c1m9tz0bwab'],
    [unlock, 'unlock', 'lck_4b7n2vhs8', 'POST /v1/locks/lck_4b7n2vhs8/lift', '/v1/locks', 'lck_4b7n2vhs8jab'],
  ])('%# %s', async (add, verb, asked, call, list, id) => {
    const gateway = { [call]: missing(asked), [`GET ${list}`]: { items: [item(id), item('req_000000000000')] } }
    const { code, stderr } = await runVerb([add], [verb, asked], { gateway, agent })
    expect([code, stderr]).toEqual([
      1,
      `pamctl: nothing with the id ${asked} is visible to you; did you mean ${id}?\nhint: to list them: pamctl ${list.slice('/v1/'.length)}\n`,
    ])
  })

  it('is reported plainly if nothing is close, the gateway does not answer, or no agent runs', async () => {
    const said = `pamctl: nothing with the id ses_zzzzzzzzzzzz is visible to you\nhint: to list them: pamctl sessions\n`
    const asked = ['kill', 'ses_zzzzzzzzzzzz']
    const call = 'POST /v1/sessions/ses_zzzzzzzzzzzz/kill'
    const far = { [call]: missing('ses_zzzzzzzzzzzz'), 'GET /v1/sessions': { items: [item('ses_3f8yq1m5cdab')] } }
    expect(await runVerb([kill], asked, { gateway: far, agent })).toMatchObject({ code: 1, stderr: said })
    const none = { [call]: missing('ses_zzzzzzzzzzzz') }
    expect(await runVerb([kill], asked, { gateway: none, agent })).toMatchObject({ code: 1, stderr: said })
    expect(await runVerb([kill], asked, { gateway: none })).toMatchObject({ code: 1, stderr: said })
  })

  it('never becomes another error', async () => {
    const gateway = { 'POST /v1/sessions/ses_3f/kill': new PamError('NOT_FOUND', 'there is no such route') }
    expect((await runVerb([kill], ['kill', 'ses_3f'], { gateway, agent })).stderr).toBe(
      'pamctl: there is no such route\n',
    )
  })
})

it('is completed from a unique beginning, and from no ambiguous one', () => {
  const ids = ['req_2nj8kxp4vqab', 'req_2nm8kxp4vqab']
  expect(nearestId('req_2nj', ids)).toBe(ids[0])
  expect(nearestId('req_2n', ids)).toBeUndefined()
  expect(nearestId('req_', ids.slice(1))).toBeUndefined()
})

it('is never mistaken for another random id', () => {
  const id = fc.string({ unit: fc.constantFrom(...'0123456789abcdefghjkmnpqrstvwxyz'), minLength: 12, maxLength: 12 })
  fc.assert(
    fc.property(fc.array(id, { minLength: 2, maxLength: 2 }), ([one = '', other = '']) => {
      const [same, all] = [[...one].filter((char, at) => char === other[at]).length, new Set([...one, ...other]).size]
      fc.pre(same < 3 && all > 14)
      expect(nearestId(`req_${one}`, [`req_${other}`])).toBeUndefined()
    }),
    { numRuns: 100 },
  )
})
