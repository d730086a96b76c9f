import { expect, it } from 'vitest'
import { activityOf } from '../../src/gateway/session-activity.ts'
import type { RecentCommand } from '../../src/gateway/session-registry.ts'

const last: RecentCommand = { id: 'dec_1', at: 1000, text: 'select 1', verdict: 'allow' }
const held = { approval: 'apr_1', since: 1500, text: 'truncate t' }
const none = { last: undefined, held: undefined, settled: undefined }

it('says nothing of a session without a command', () => {
  expect(activityOf(none, false)).toBeUndefined()
})

it('counts a command as running until its answer is on record', () => {
  expect(activityOf({ ...none, last }, false)).toEqual({ state: 'running', since: 1000, text: 'select 1' })
  const earlier = { command: 'dec_0', at: 900 }
  expect(activityOf({ ...none, last, settled: earlier }, false)?.state).toBe('running')
  const settled = { command: 'dec_1', at: 1200 }
  expect(activityOf({ ...none, last, settled }, false)).toEqual({ state: 'idle', since: 1200, text: 'select 1' })
})

it('counts a denied command as done at once', () => {
  expect(activityOf({ ...none, last: { ...last, verdict: 'deny' } }, false)).toEqual({
    state: 'idle',
    since: 1000,
    text: 'select 1',
  })
})

it('names the approval that a held command waits for, even if others ran after it', () => {
  expect(activityOf({ ...none, last, held }, false)).toEqual({
    state: 'held',
    since: 1500,
    approval: 'apr_1',
    text: 'truncate t',
  })
})

it('shows no text of a session whose record is hidden, and the beginning of a long one', () => {
  expect(activityOf({ ...none, last, held }, true)).toEqual({ state: 'held', since: 1500, approval: 'apr_1' })
  expect(activityOf({ ...none, last }, true)).toEqual({ state: 'running', since: 1000 })
  expect(activityOf({ ...none, last: { ...last, text: 'x'.repeat(900) } }, false)?.text).toHaveLength(500)
})
