import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PauseReasons } from '../../src/shared/pause-reasons.ts'

describe('a source with reasons to pause', () => {
  it('resumes when the last reason is removed, in whatever order they come and go', () => {
    const step = fc.record({ waits: fc.boolean(), reason: fc.constantFrom('client', 'record', 'queue') })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let isRead = true
        const reading = new PauseReasons<'client' | 'record' | 'queue'>({
          pause: () => (isRead = false),
          resume: () => (isRead = true),
        })
        const left = new Set<string>()
        for (const { waits, reason } of steps) {
          if (waits) left.add(reason)
          else left.delete(reason)
          if (waits) reading.wait(reason)
          else reading.go(reason)
          expect(isRead).toBe(left.size === 0)
        }
      }),
    )
  })

  it('is not resumed by removing a reason that it did not have', () => {
    let resumed = 0
    const reading = new PauseReasons<'client' | 'record'>({ pause() {}, resume: () => resumed++ })
    reading.go('client')
    expect(resumed).toBe(0)
    reading.wait('record')
    reading.go('client')
    expect(resumed).toBe(0)
    reading.go('record')
    expect(resumed).toBe(1)
  })
})
