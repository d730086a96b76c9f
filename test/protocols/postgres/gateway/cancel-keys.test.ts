import { expect, it } from 'vitest'
import { CancelKeys } from '../../../../src/protocols/postgres/gateway/cancel-keys.ts'

it.each([
  [0, 8],
  [1, 8],
  [2, 36],
])('a key of protocol 3.%i has %i bytes, and a process id that is positive', (minor, length) => {
  const keys = new CancelKeys()
  for (let round = 0; round < 64; round++) {
    const { key } = keys.issue('jane', minor, () => {})
    expect(key.length).toBe(length)
    expect(key.readInt32BE(0)).toBeGreaterThanOrEqual(0)
  }
})

it('cancels for the person it was given to, until it is revoked', () => {
  const keys = new CancelKeys()
  const cancelled: string[] = []
  const { key, revoke } = keys.issue('jane', 0, () => cancelled.push('jane'))
  keys.issue('jane', 0, () => cancelled.push('another'))
  keys.use(key, 'bob')
  keys.use(key.subarray(0, -1), 'jane')
  keys.use(Buffer.alloc(8), 'jane')
  expect(cancelled).toEqual([])
  keys.use(key, 'jane')
  expect(cancelled).toEqual(['jane'])
  revoke()
  keys.use(key, 'jane')
  expect(cancelled).toEqual(['jane'])
})
