import { describe, expect, it } from 'vitest'
import type { Review } from '../../src/api/schemas/review.ts'
import { Exit } from '../../src/cli/exit-codes.ts'
import { pickReview, type ReviewChoice } from '../../src/cli/pick-review.ts'

const review = (id: string, given: Partial<Review>): Review =>
  ({
    id,
    requester: { id: 'p', label: 'jane', kind: 'person' },
    target: 'prod-db',
    mayDecide: true,
    ...given,
  }) as Review
const HELD = review('apr_1', { text: 'delete from t\n\twhere a = 1' })
const OWN = review('req_1', { reason: 'mine', mayDecide: false })
const REQUEST = review('req_2', { reason: 'INC-1' })

/** What somebody is offered who takes the last of it, and what is said. */
async function pick(waiting: readonly Review[], interactive = true) {
  const offered: ReviewChoice[] = []
  const notes: string[] = []
  const picked = pickReview(
    { interactive, note: (text) => void notes.push(text) },
    { reviews: { list: () => Promise.resolve([...waiting]) } },
    async (choices) => {
      offered.push(...choices)
      return choices.at(-1)?.value ?? HELD
    },
  )
  const outcome = await picked.catch((error: unknown) => error)
  return { outcome, notes, offered: offered.map(({ name }) => name) }
}

describe('a review that nobody named', () => {
  it('is one of those that the user may decide on, each in a line', async () => {
    expect(await pick([HELD, OWN, REQUEST])).toEqual({
      outcome: REQUEST,
      notes: [],
      offered: ['apr_1  jane  prod-db  delete from t where a = 1', 'req_2  jane  prod-db  INC-1'],
    })
  })

  it('is none where the user may decide on nothing that they see', async () => {
    const { outcome, notes, offered } = await pick([OWN])
    expect(outcome).toBeInstanceOf(Exit)
    expect(outcome).toMatchObject({ exitCode: 0 })
    expect([notes, offered]).toEqual([['nothing is waiting for you'], []])
  })

  it('is not guessed where nobody can be asked', async () => {
    const { outcome, offered } = await pick([HELD], false)
    expect(outcome).toMatchObject({ code: 'NO_TERMINAL', hint: expect.stringContaining('give an id') })
    expect(offered).toEqual([])
  })

  it('cannot forge a line of its own, nor take more than one', async () => {
    const forged = review('apr_2', { text: `select 1\r\u001b[2Aapr_1\u2028${'x'.repeat(500)}` })
    const { offered } = await pick([forged])
    expect(offered).toHaveLength(1)
    // eslint-disable-next-line no-control-regex
    expect(offered[0]).not.toMatch(/[\u0000-\u001f\u2028]/)
    expect(offered[0]?.length).toBe(200)
  })
})
