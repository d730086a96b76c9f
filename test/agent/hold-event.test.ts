import { expect, it } from 'vitest'
import { holdEventOf } from '../../src/agent/hold-event.ts'
import { newId } from '../../src/shared/id.ts'

const [session, approval] = [newId('ses'), newId('apr')]
const frame = { v: 1, type: 'notice', code: 'HOLD_FILED', id: session, approval } as const

it('is what the gateway says of a held command', () => {
  expect(holdEventOf(frame, 'prod-db')).toEqual({ target: 'prod-db', session, approval, state: 'filed' })
  expect(holdEventOf({ ...frame, code: 'HOLD_SETTLED' }, 'prod-db')).toMatchObject({ state: 'settled' })
})

it.each([
  { code: 'HELD' },
  { type: 'ended' },
  { approval: '../settings.json' },
  { approval: 'apr_' },
  { approval: session },
  { approval: [approval] },
  { id: approval },
])('is nothing for %j', (other) => {
  expect(holdEventOf({ ...frame, ...(other as object) }, 'prod-db')).toBeUndefined()
})
