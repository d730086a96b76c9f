import { expect, it } from 'vitest'
import { roomInRecord } from '../../../../src/protocols/http/upgrade/room-in-record.ts'

it('waits only while the record is full', async () => {
  const waiting: (() => void)[] = []
  const recorder = { isFull: true, whenRoom: (done: () => void) => void waiting.push(done) }
  let isThere = false
  const room = roomInRecord(recorder).then(() => (isThere = true))
  await Promise.resolve()
  expect(isThere).toBe(false)
  waiting[0]?.()
  await room
  await roomInRecord({ ...recorder, isFull: false })
  expect(waiting).toHaveLength(1)
})
