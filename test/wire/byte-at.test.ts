import { describe, expect, it } from 'vitest'
import { byteAt } from '../../src/wire/byte-at.ts'

describe('byteAt', () => {
  it('gives every byte that is there, zero too', () => {
    const bytes = Buffer.of(0, 0x7f, 0xff)
    expect([0, 1, 2].map((at) => byteAt(bytes, at))).toEqual([0, 0x7f, 0xff])
  })

  it.each([-1, 3, 0.5, NaN])('throws for a place that is none: %s', (at) => {
    expect(() => byteAt(Buffer.of(1, 2, 3), at)).toThrow(RangeError)
  })
})
