import { describe, expect, it } from 'vitest'
import type { Review } from '../../../src/api/schemas/review.ts'
import { fateOf } from '../../../src/cli/query/interrupted.ts'
import { PamError } from '../../../src/shared/errors.ts'

const HELD = { id: 'apr_1', session: 'ses_1', state: 'pending', status: 'waiting' } as Review

/** What the gateway says of it, each time that it is asked; the last again and again. */
function gateway(states: readonly (Partial<Review> | PamError)[]) {
  const left = [...states]
  return {
    reviews: {
      get: () => {
        const next = left.length > 1 ? left.shift() : left[0]
        return next instanceof PamError ? Promise.reject(next) : Promise.resolve({ ...HELD, ...next })
      },
    },
    async *events() {
      yield { type: 'resync', seq: 1 } as const
      for (const [index] of states.entries())
        yield { type: 'changed', kind: 'review', id: HELD.id, seq: index + 2 } as const
    },
  } as unknown as Parameters<typeof fateOf>[0]
}

describe('the line after Ctrl-C on a held command', () => {
  it('says that it was withdrawn and did not run, once the gateway has noticed', async () => {
    const api = gateway([{}, {}, { state: 'withdrawn', status: 'withdrawn' }])
    expect(await fateOf(api, HELD)).toBe('withdrew apr_1: it did not run')
  })

  it('does not call withdrawn what was decided in the same moment, and says where it is on record', async () => {
    const decided = { state: 'approved', status: 'approved by bob' }
    expect(await fateOf(gateway([decided]), HELD)).toBe(
      'apr_1 is approved by bob; what ran is on record: pamctl replay ses_1',
    )
    expect(await fateOf(gateway([decided]), { id: HELD.id, session: undefined })).toBe('apr_1 is approved by bob')
  })

  it('promises no more than is known where the gateway cannot be asked', async () => {
    const api = gateway([new PamError('NOT_SIGNED_IN', 'sign in again')])
    expect(await fateOf(api, HELD)).toBe('the gateway withdraws apr_1 once it has noticed that its client has left')
  })

  it("forges no line with an approver's words", async () => {
    const api = gateway([{ state: 'denied', status: 'denied by bob: no\nwithdrew apr_1: it did not run' }])
    expect(await fateOf(api, HELD)).not.toContain('\n')
  })
})
