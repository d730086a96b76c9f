import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { detectors, findKinds, maskKinds } from '../../src/masking/replace.ts'
import { LongText } from '../../src/masking/long-text.ts'
import { maskingKinds } from '../../src/policy/policy.ts'
import { sampledRuns } from '../helpers/sampled.ts'

/** Values of each kind, and what looks like one: next to each other in any order they make more of both. */
const VALUES = [
  'jane.doe@example.com',
  'jürgen.müller@exämple.de',
  'a@b.c',
  'x@y',
  '😀@example.org',
  `${'l'.repeat(70)}@host.net`,
  '4111111111111111',
  '4222222222222',
  '4111 1111 1111 1111',
  '5500-0000-0000-0004',
  '378282246310005',
  '3782 822463 10005',
  'DE89370400440532013000',
  'DE89 3704 0044 0532 0130 00',
  'GB82WEST12345698765432',
  'NO9386011117947',
  '+49 30 1234567',
  '+1-202-555-0103',
  '(202) 555-0103',
  '(202)555-0103',
  '+4930123456',
  '+12345678',
  '219-09-9999',
  'AB123456C',
  'AB 12 34 56 C',
  '12345678Z',
  'X1234567L',
  '1 85 05 78 006 084 91',
  'RSSMRA85T10A562S',
  '111.444.777-35',
  '203.0.113.77',
  '2001:db8::8a2e:370:7334',
  '::1',
  '1.2.3.4.5',
  '12:30:45',
  'AKIAIOSFODNN7EXAMPLE',
  `ghp_${'a1B2'.repeat(9)}`,
  `sk_live_${'x'.repeat(24)}`,
  'xoxb-0123456789',
  'AKIA12',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  '-----BEGIN PRIVATE KEY-----\nb3Bl\n-----END PRIVATE KEY-----',
  '9b74c9897bac770ffc029102a200c5de41111111111111111',
  '2026-11-29T06:11:11.123Z',
  '550e8400-e29b-41d4-a716-446655440000',
]
const BETWEEN = [
  ' ',
  '  ',
  '\n',
  ',',
  '.',
  ';',
  '=',
  '-',
  '_',
  '/',
  '"',
  '@',
  '+',
  '(',
  '',
  '0',
  'A',
  'a',
  'ü',
  '\u00a0',
  '\ud83d',
  'Ł',
]
const WORDS = [
  'INFO',
  'request took',
  '17',
  'ms from',
  'worker-4',
  'some quite ordinary words, and',
  '\t\t\t\t',
  '           ',
  '....',
]
const piece = fc.oneof(
  fc.constantFrom(...VALUES),
  fc.constantFrom(...BETWEEN),
  fc.constantFrom(...WORDS),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: fc.constantFrom(...'0123456789 -+().@ABCXYZabcef_:'), maxLength: 40 }),
)
const texts = fc
  .tuple(fc.array(piece, { minLength: 1, maxLength: 60 }), fc.constantFrom(0, 400, 8000))
  .map(([parts, filler]) => `${parts.join('')}${'x y '.repeat(filler / 4)}`)
const asciiTexts = texts.map((text) => text.replaceAll(/[^\0-\x7f]/g, '?'))

describe('a long text', () => {
  it.each(maskingKinds)('%s: the same is found as by a detector that reads all of it', (kind) => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(new LongText(text).find(detectors[kind])).toEqual(detectors[kind].find(text))
      }),
      { numRuns: sampledRuns(400) },
    )
  })

  it('the same by its bytes', () => {
    fc.assert(
      fc.property(asciiTexts, fc.nat(3), (text, offset) => {
        // At any place in memory.
        const bytes = Buffer.allocUnsafeSlow(offset + text.length).subarray(offset)
        bytes.write(text, 'latin1')
        for (const kind of maskingKinds)
          expect(new LongText(text, bytes).find(detectors[kind]), kind).toEqual(detectors[kind].find(text))
      }),
      { numRuns: sampledRuns(300) },
    )
  })

  it('values at every offset, at the beginning and at the end', () => {
    for (const value of VALUES)
      for (let before = 0; before < 20; before++)
        for (const behind of [0, 1, 300]) {
          const text = `${'. '.repeat(150).slice(0, before)}${value}${' .'.repeat(150).slice(0, behind)}`
          for (const kind of maskingKinds)
            expect(new LongText(text).find(detectors[kind]), `${kind} ${text}`).toEqual(detectors[kind].find(text))
        }
  })

  it('a run right behind another one, wherever in a word of memory the first ends', () => {
    const filler = 'x.'.repeat(500)
    for (let before = 0; before < 8; before++)
      for (let length = 4; length < 30; length++)
        for (const between of [',', 'xy,', 'x'.repeat(6)]) {
          const text = `${filler.slice(0, before)}${'1'.repeat(length)}${between}4222222222222${filler}`
          expect(new LongText(text).find(detectors['payment-card']), text).toEqual(detectors['payment-card'].find(text))
        }
  })

  it('a card within a word: by all of the word that its detector looks at it is a digest, or none', () => {
    const filler = ' .'.repeat(1000)
    for (const length of Array(140).keys())
      for (const letter of ['a', 'z', 'A'])
        for (const word of [`z${letter.repeat(length)}4111111111111111`, `4111111111111111${letter.repeat(length)}z`])
          for (const text of [`${word}${filler}`, `${filler}${word}${filler}`])
            expect(new LongText(text).find(detectors['payment-card']), text).toEqual(
              detectors['payment-card'].find(text),
            )
  })

  it('every value is of the form that its detector says', () => {
    fc.assert(
      fc.property(texts, (text) => {
        for (const kind of maskingKinds) {
          const detector = detectors[kind]
          const { form } = detector
          if (form === undefined) continue
          for (const { start, end } of detector.find(text)) {
            const codes = [...Array(end - start).keys()].map((at) => Math.min(text.charCodeAt(start + at), 0xff))
            expect(codes.length).toBeGreaterThanOrEqual(form.least)
            expect(codes.every((code) => form.characters[code] === 1)).toBe(true)
            if (form.sign !== undefined) expect(codes).toContain(form.sign)
            if (form.isLow === true) expect(codes.every((code) => code >= 0x20 && code <= 0x3f)).toBe(true)
          }
        }
      }),
      { numRuns: sampledRuns(300) },
    )
  })

  it('is masked as a short one is', () => {
    const keys = { session: Buffer.from('session'), target: Buffer.from('target') }
    const kinds = maskingKinds.map((kind) => ({ kind, style: 'redact', hashScope: 'session' }) as const)
    const text = 'to jane@example.com and 4111 1111 1111 1111, from 203.0.113.77'
    const filler = ' ordinary words'.repeat(100)
    expect(maskKinds(filler, kinds, keys)).toBeUndefined()
    expect(maskKinds(filler + text, kinds, keys)).toBe(filler + (maskKinds(text, kinds, keys) as string))
    expect(findKinds(text + filler, kinds)).toEqual(findKinds(text, kinds))
  })
})
