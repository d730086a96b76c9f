import fc from 'fast-check'
import { expect, it } from 'vitest'
import { escapeHtml } from '../../src/shared/escape-html.ts'

const REFERENCE = /&#(\d+);/g

it('what is escaped has nothing that ends a text or an attribute, and reads as what it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.oneof(fc.constantFrom(...'&<>"\'#;38'), fc.string()) }), (text) => {
      const escaped = escapeHtml(text)
      expect(escaped.replace(REFERENCE, '')).not.toMatch(/[&<>"']/)
      expect(escaped.replace(REFERENCE, (_, code) => String.fromCharCode(Number(code)))).toBe(text)
    }),
  )
})
