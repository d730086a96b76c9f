import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HmacKey } from '../../src/shared/hmac.ts'

describe('HmacKey', () => {
  it('agrees with node:crypto for every key and text, however often a key is used', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 5 }),
        (key, texts) => {
          const own = new HmacKey(key)
          for (const text of texts) expect(own.hex(text)).toBe(createHmac('sha256', key).update(text).digest('hex'))
        },
      ),
    )
  })

  it('refuses keys longer than a block', () => {
    expect(() => new HmacKey(new Uint8Array(65))).toThrow('65 bytes')
  })
})
