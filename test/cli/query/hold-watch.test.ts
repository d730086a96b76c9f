import { expect, it } from 'vitest'
import type { HoldEvent } from '../../../src/agent/control-messages.ts'
import type { Review } from '../../../src/api/schemas/review.ts'
import { HoldWatch } from '../../../src/cli/query/hold-watch.ts'

const reviewOf = (id: string): Review =>
  ({ id, kind: 'command', target: 'prod-db', state: 'pending' }) as unknown as Review
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const filed: HoldEvent = { target: 'prod-db', session: 'ses_1', approval: 'apr_1', state: 'filed' }
const settled: HoldEvent = { ...filed, state: 'settled' }

function bench(get: (id: string) => Promise<Review> = (id) => Promise.resolve(reviewOf(id))) {
  const said: string[] = []
  const over = new AbortController()
  const watch = new HoldWatch({
    reviews: { get },
    target: 'prod-db',
    held: ({ id }) => said.push(`held ${id}`),
    decided: () => said.push('decided'),
    signal: over.signal,
    pause: () => Promise.resolve(),
  })
  return { watch, said, over }
}

it('tells what a command waits for, once, and when it waits no longer', async () => {
  const { watch, said } = bench()
  watch.hear(filed)
  watch.hear(filed)
  await soon()
  watch.hear({ ...filed, approval: 'apr_2' })
  await soon()
  watch.hear(settled)
  watch.hear(settled)
  expect(said).toEqual(['held apr_1', 'held apr_2', 'decided'])
})

it('asks again where the gateway could not be asked', async () => {
  let calls = 0
  const { watch, said } = bench((id) =>
    ++calls < 3 ? Promise.reject(new Error('away')) : Promise.resolve(reviewOf(id)),
  )
  watch.hear(filed)
  await soon()
  expect([calls, said]).toEqual([3, ['held apr_1']])
})

it.each([
  ['of another session', [filed, { ...filed, session: 'ses_2', approval: 'apr_2' }], ['held apr_1']],
  ['of another target', [{ ...filed, target: 'other' }], []],
  ['that was settled before it was looked at', [filed, settled], []],
])('says nothing of a hold %s', async (_, events, expected) => {
  const { watch, said } = bench()
  for (const event of events) watch.hear(event)
  await soon()
  expect(said).toEqual(expected)
})

it.each([{ kind: 'request' }, { target: 'other' }, { state: 'approved' }])(
  'says nothing of a review that is %j',
  async (other) => {
    const { watch, said } = bench((id) => Promise.resolve({ ...reviewOf(id), ...(other as object) }))
    watch.hear(filed)
    await soon()
    expect(said).toEqual([])
  },
)
