import { describe, expect, it } from 'vitest'
import { PAGES } from '../../../src/api/web-app.ts'
import { open } from '../../../src/cli/commands/open.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { runVerb } from '../../helpers/verb.ts'

const missing = new PamError('NOT_FOUND', 'nothing with the id req_zzzz is visible to you')
const world = {
  gateway: {
    'GET /v1/targets': { items: [{ name: 'prod-db' }, { name: 'a&b=c' }] },
    'GET /v1/reviews/req_abcd1234': { id: 'req_abcd1234' },
    'GET /v1/reviews/apr_abcd': { id: 'apr_abcd1234' },
    'GET /v1/sessions/ses_abcd1234': { id: 'ses_abcd1234' },
    'GET /v1/reviews/req_zzzz': missing,
    'GET /v1/grants?active=true&limit=500': { items: [{ id: 'grt_abcd1234' }] },
  },
}
const opening = (...args: string[]) => runVerb([open], ['open', ...args], world)

describe('pamctl open', () => {
  it.each([
    [[], '/'],
    [['req_abcd1234'], '/reviews/req_abcd1234'],
    [['apr_abcd'], '/reviews/apr_abcd1234'],
    [['ses_abcd1234'], '/sessions/ses_abcd1234'],
    [['grt_abcd1234'], '/access'],
    [['grt_abcd'], '/access'],
    [['prod-db'], '/access?target=prod-db'],
    [['a&b=c'], '/access?target=a%26b%3Dc'],
  ])('%j: %s', async (args, path) => {
    const { code, stdout } = await opening(...args)
    expect([code, stdout]).toEqual([0, `https://gateway.example${path}\n`])
    const [page = ''] = path.split('?')
    expect(PAGES.some((known) => known === page || (known.endsWith('/*') && page.startsWith(known.slice(0, -1))))).toBe(
      true,
    )
  })

  it('prints JSON', async () => {
    const { stdout } = await opening('ses_abcd1234', '--json')
    expect(JSON.parse(stdout)).toEqual({ url: 'https://gateway.example/sessions/ses_abcd1234' })
  })

  it.each([
    ['req_zzzz', 1, 'nothing with the id req_zzzz is visible to you'],
    ['nowhere', 5, 'no target named "nowhere"'],
    ['ses_../../x', 5, 'no target named'],
    ['grt_zzzz1234', 1, 'grt_zzzz1234 is not an active grant of yours'],
    ['lck_abcd1234', 2, 'pamctl locks'],
    ['brk_abcd1234', 2, 'pamctl breakglass list'],
  ])('opens no page for %s', async (what, code, message) => {
    const outcome = await opening(what)
    expect(outcome).toMatchObject({ code, stdout: '' })
    expect(outcome.stderr).toContain(message)
  })
})
