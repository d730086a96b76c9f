import { describe, expect, it, vi } from 'vitest'
import { search } from '../../../src/cli/commands/search.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { NOW, runVerb } from '../../helpers/verb.ts'

const found = { type: 'command', session: 'ses_1', at: 'T', ms: 3, person: 'jane', target: 'db', verdict: 'deny' }
const lines = (...values: object[]) => ({
  'GET /v1/search': values.map((value) => `${JSON.stringify(value)}\n`).join(''),
})

describe('pamctl search', () => {
  it.each([
    [[], { limit: '100', text: 'drop table', since: '2025-12-29T12:00:00.000Z' }],
    [
      ['--since', '1h', '--person', 'jane', '--target', 'db', '--limit', '2'],
      { user: 'jane', target: 'db', limit: '2', text: 'drop table', since: '2026-01-05T11:00:00.000Z' },
    ],
  ])('%j', async (args, query) => {
    vi.useFakeTimers({ now: NOW, toFake: ['Date'] })
    try {
      const { calls, stderr } = await runVerb([search], ['search', 'drop table', ...args], {
        gateway: { ...lines(), 'GET /v1/audit': { items: [] } },
      })
      expect(Object.fromEntries(new URL(`http://x${calls[0]?.call.slice(4)}`).searchParams)).toEqual(query)
      expect(stderr).toBe('nothing found\n')
    } finally {
      vi.useRealTimers()
    }
  })

  it('prints what was found, and on stderr what was not searched', async () => {
    const gateway = lines(
      { ...found, text: 'drop\ttable a' },
      { type: 'skipped', session: 'ses_2', reason: 'it is encrypted' },
      { type: 'more' },
    )
    const outcome = await runVerb([search], ['search', 'drop', '--limit', '1'], { gateway })
    expect(outcome).toMatchObject({
      code: 0,
      stdout: 'ses_1\tT\tjane\tdb\tdeny\tdrop table a\n',
      stderr: 'ses_2 was not searched: it is encrypted\nthere are more than 1: narrow the search or give --limit\n',
    })
    const json = await runVerb([search], ['search', 'drop', '--json'], { gateway })
    expect(JSON.parse(json.stdout)).toEqual([{ ...found, text: 'drop\ttable a' }])
  })

  it('says of somebody who has never signed in that nobody has, to those who may know', async () => {
    const asking = (known: object) =>
      runVerb([search], ['search', 'x', '--person', 'nobody'], { gateway: { ...lines(), ...known } })
    const call = 'GET /v1/audit?user=nobody&limit=1&order=newest'
    const page = { items: [], people: {}, subjects: {} }
    const unknown = await asking({ [call]: { ...page, unknownUser: true } })
    expect(unknown).toMatchObject({ code: 1, stdout: '' })
    expect(unknown.stderr).toContain('nobody called "nobody" has ever signed in')
    expect(await asking({ [call]: page })).toMatchObject({ code: 0, stderr: 'nothing found\n' })
    const refused = new PamError('NOT_ALLOWED', 'only auditors read the audit chain')
    expect(await asking({ [call]: refused })).toMatchObject({ code: 0, stderr: 'nothing found\n' })
  })

  it.each([['--since', 'long'], ['--limit', '0'], ['--unknown']])('%j is wrong usage', async (...args) => {
    expect(await runVerb([search], ['search', 'x', ...args])).toMatchObject({ code: 2, calls: [] })
  })
})
