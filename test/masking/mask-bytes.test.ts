import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { maskBytes } from '../../src/masking/mask-bytes.ts'
import { maskValue } from '../../src/masking/replace.ts'

const hashing = { key: Buffer.alloc(32), scope: 'c' }
const part = fc.string({ unit: fc.constantFrom('a', 'Z', '0', '-', '.', '+', '_'), minLength: 1, maxLength: 70 })
const address = fc.tuple(part, part, part).map(([local, domain, top]) => `${local}@${domain}.${top}`)
const digits = fc.string({ unit: fc.constantFrom('0', '4', '1', ' ', '-'), maxLength: 20 })
const account = fc.tuple(fc.constantFrom('DE', 'GB', 'xx'), digits).map(([country, rest]) => country + rest)
const value = fc.oneof(
  address,
  digits,
  account,
  fc.constantFrom(
    '4111111111111111',
    '4111 1111 1111 1111',
    'DE89370400440532013000',
    'a@b.c',
    `a@b${'.c'.repeat(8)}`,
    `a@b${'.c'.repeat(9)}`,
    'jane.doe@example.com',
    'é@example.com',
  ),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('a', '@', '.', '1', ' ', 'A'), maxLength: 40 }),
)

describe('masking on bytes', () => {
  it.each(['partial', 'redact', 'keep-last-4'] as const)(
    'gives what masking the text gives, or leaves it: %s',
    (style) => {
      const direct = maskBytes(style)
      let done = 0
      fc.assert(
        fc.property(value, fc.nat(20), (text, before) => {
          const source = Buffer.concat([Buffer.alloc(before, 0x40), Buffer.from(text), Buffer.from('@x.y')])
          const end = source.length - 4
          const out = Buffer.alloc(end - before + 7 + 32, 0x2d)
          const to = direct?.(source, before, end, out, 7) ?? -1
          if (to < 0) return
          done++
          expect(to).toBeLessThanOrEqual(out.length)
          expect(out.toString('utf8', 7, to)).toBe(maskValue(text, style, hashing))
        }),
        { numRuns: 2000 },
      )
      expect(done).toBeGreaterThan(500)
    },
  )

  it.each([
    ['the longest part before the sign', `${'a'.repeat(64)}@b.c`, true],
    ['a longer one', `${'a'.repeat(65)}@b.c`, false],
    ['the longest part of a domain', `a@${'b'.repeat(63)}.c`, true],
    ['a longer one', `a@${'b'.repeat(64)}.c`, false],
    ['the most parts of a domain', `a@b${'.c'.repeat(8)}`, true],
    ['one more', `a@b${'.c'.repeat(9)}`, false],
  ])('shows the end of what is an address as the text does, and of nothing else: %s', (_, text, isAddress) => {
    const source = Buffer.from(text)
    const out = Buffer.alloc(source.length + 32)
    const end = maskBytes('partial')?.(source, 0, source.length, out, 0) ?? -1
    const shown = maskValue(text, 'partial', hashing)
    expect([end < 0 ? undefined : out.toString('utf8', 0, end), shown?.includes('@')]).toEqual(
      isAddress ? [shown, true] : [undefined, false],
    )
  })

  it('is not there for what needs the text', () => {
    expect([maskBytes('hash'), maskBytes('null')]).toEqual([undefined, undefined])
  })
})
