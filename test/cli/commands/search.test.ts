import { describe, expect, it, vi } from 'vitest'
import { search } from '../../../src/cli/commands/search.ts'
import { NOW, runVerb } from '../../helpers/verb.ts'

const found = { type: 'command', session: 'ses_1', at: 'T', ms: 3, person: 'jane', target: 'db', verdict: 'deny' }
const lines = (...values: object[]) => ({
  'GET /v1/search': values.map((value) => `${JSON.stringify(value)}\n`).join(''),
})

describe('pamctl search', () => {
  it.each([
    [[], { limit: '100', text: 'drop table', since: '2025-12-29T12:00:00.000Z' }],
    [
      ['--since', '1h', '--user', 'jane', '--target', 'db', '--limit', '2'],
      { user: 'jane', target: 'db', limit: '2', text: 'drop table', since: '2026-01-05T11:00:00.000Z' },
    ],
  ])('%j', async (args, query) => {
    vi.useFakeTimers({ now: NOW, toFake: ['Date'] })
    try {
      const { calls, stderr } = await runVerb([search], ['search', 'drop table', ...args], { gateway: lines() })
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

  it.each([['--since', 'long'], ['--limit', '0'], ['--unknown']])('%j is wrong usage', async (...args) => {
    expect(await runVerb([search], ['search', 'x', ...args])).toMatchObject({ code: 2, calls: [] })
  })
})
