import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StreamMasking } from '../../src/host/output/stream-masking.ts'
import { hideInText } from '../../src/masking/hidden-text.ts'
import type { MaskedKind } from '../../src/masking/plan.ts'
import { detectors, findKinds, maskKinds } from '../../src/masking/replace.ts'
import { valueFilter } from '../../src/masking/value-filter.ts'
import { maskingKinds } from '../../src/policy/policy.ts'
import { TextMasker } from '../../src/protocols/http/masking/text-masker.ts'
import { sampledRuns } from '../helpers/sampled.ts'

/** Values in every spelling of the table (`folding.ts`), through all that looks for values. */

const keys = { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) }
const ALL: readonly MaskedKind[] = maskingKinds.map((kind) => ({ kind, style: 'redact', hashScope: 'session' }))

const VALUES = [
  '4111111111111111',
  '4111 1111 1111 1111',
  '4111-1111-1111-1111',
  '4111.1111.1111.1111',
  '4111  1111  1111  1111',
  '3782 822463 10005',
  'DE89370400440532013000',
  'DE89 3704 0044 0532 0130 00',
  '+49 30 1234567',
  '+1-202-555-0103',
  '0049 30 1234567',
  '(202) 555-0103',
  'jane.doe@example.com',
  'jane-doe@mail.example.co.uk',
  '219-09-9999',
  '111.444.777-35',
  'AB 12 34 56 C',
  'X1234567L',
  '203.0.113.77',
  '2001:db8::8a2e:370:7334',
  'AKIAIOSFODNN7EXAMPLE',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r',
  '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----',
] as const
const UNSEEN = ['\u00ad', '\u200b', '\u200d', '\u2060', '\ufeff', '\u200e', '\u0301', '\ufe0f', '\u{e0061}'] as const
const WIDE = 0xfee0

/** Other ways to write a character; `seed` chooses one of them. */
function spelled(character: string, seed: number): string {
  const code = character.charCodeAt(0)
  const ways = [character]
  if (/\d/.test(character))
    for (const zero of [0xff10, 0x660, 0x6f0, 0x966, 0x1d7ce, 0x1d7f6])
      ways.push(String.fromCodePoint(zero + code - 0x30))
  else if (character === ' ') ways.push(...'\u00a0\u2800\u2002\u2007\u2009\u200a\u202f\u205f\u3000')
  else if (character === '-') ways.push(...'\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d')
  else if (character === '.') ways.push('．', '。', '․', '﹒')
  else if (/[A-Za-z]/.test(character))
    ways.push(String.fromCodePoint((character < 'a' ? 0x1d400 - 0x41 : 0x1d41a - 0x61) + code))
  if (code > 0x20 && code < 0x7f) ways.push(String.fromCharCode(code + WIDE))
  const way = ways[seed % ways.length] as string
  return seed % 5 === 0 ? way + (UNSEEN[(seed >> 3) % UNSEEN.length] as string) : way
}

const spelling = fc
  .tuple(fc.constantFrom(...VALUES), fc.array(fc.nat(4000), { minLength: 24, maxLength: 24 }))
  .map(([value, seeds]) => ({
    value,
    text: Array.from(value, (character, index) => spelled(character, seeds[index % 24] as number)).join(''),
  }))

/** As a reader sees it, by other means than the code's. */
const read = (text: string): string =>
  text
    .replaceAll(/[\p{Cf}\p{M}]/gu, '')
    .normalize('NFKC')
    .replaceAll(/\p{Nd}/gu, (digit) => {
      for (let at = digit.codePointAt(0) as number, n = 0; ; at--, n++)
        if (!/\p{Nd}/u.test(String.fromCodePoint(at - 1))) return String(n % 10)
    })
    .replaceAll(/[\p{Zs}\u2800]/gu, ' ')
    .replaceAll(/[\p{Pd}\u2212]/gu, '-')
    .replaceAll('。', '.')

function streamed(chunks: readonly Buffer[], keepWidth: boolean): string {
  const masking = new StreamMasking({ kinds: ALL, keys, keepWidth })
  return Buffer.concat([...chunks.map((chunk) => masking.push(chunk)), masking.flush()]).toString()
}

function answered(chunks: readonly Buffer[]): string {
  const masker = new TextMasker({ kinds: ALL, keys })
  return Buffer.concat([...chunks.map((chunk) => masker.mask(chunk)), masker.end()]).toString()
}

const cut = (bytes: Buffer, places: readonly number[]): Buffer[] => {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end))
}
const places = fc.array(fc.nat(500), { maxLength: 4 })

describe('a value in any spelling', () => {
  it('is found in a text, and the filter of values does not pass it over', () => {
    fc.assert(
      fc.property(spelling, ({ value, text }) => {
        expect(read(text)).toBe(value)
        const whole = `on ${text}, of it`
        const bytes = Buffer.from(whole)
        const hidden = hideInText(whole, { kinds: ALL, keys })
        expect(hidden).toBeTypeOf('string')
        expect(read(hidden as string)).not.toContain(value)
        expect(hidden).toMatch(/^on \*\*\*\*.*, of it$/s)
        expect(valueFilter(ALL)(bytes, 0, bytes.length)).toBe(true)
        const padded = `${'word, '.repeat(60)}${whole}`
        expect(maskKinds(padded, ALL, keys)).toBe('word, '.repeat(60) + hidden)
      }),
      { numRuns: sampledRuns(400) },
    )
  })

  it('is hidden in a stream, wherever it is cut', () => {
    fc.assert(
      fc.property(spelling, places, fc.boolean(), ({ value, text }, at, keepWidth) => {
        const bytes = Buffer.from(`on ${text}, of it\n`)
        const out = streamed(cut(bytes, at), keepWidth)
        expect(read(out)).not.toContain(value)
        expect(out).toBe(streamed([bytes], keepWidth))
      }),
      { numRuns: sampledRuns(250) },
    )
  })

  it('is hidden in an answer of HTTP, wherever it is cut', () => {
    fc.assert(
      fc.property(spelling, places, ({ value, text }, at) => {
        const bytes = Buffer.from(`on ${text}, of it\n`)
        const out = answered(cut(bytes, at))
        expect(read(out)).not.toContain(value)
        // Of what is not seen, more or less may be left.
        expect(read(out)).toBe(read(answered([bytes])))
      }),
      { numRuns: sampledRuns(250) },
    )
  })

  it('has the same digest, and is shown in part by its own characters', () => {
    for (const style of ['hash', 'partial', 'keep-last-4'] as const) {
      const kinds: MaskedKind[] = [{ kind: 'payment-card', style, hashScope: 'session' }]
      expect(maskKinds('４１１１１１１１１１１１１１１１', kinds, keys)).toBe(
        maskKinds('4111111111111111', kinds, keys),
      )
      expect(maskKinds('4111\u00a01111\u00a01111\u00a01111', kinds, keys)).toBe(
        maskKinds('4111 1111 1111 1111', kinds, keys),
      )
    }
  })

  it('is found as it stands, too, where what is beside it would be a part of it', () => {
    for (const text of ['4111111111111111²', '4111111111111111\u2014abc', '4111111111111111\u200b7'])
      expect(findKinds(text, ALL)[0], text).toMatchObject({ start: 0, end: 16 })
  })

  it('and a text without any stays as it is', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom('Zoë ', '漢字。', ' — ', '１２', '\u200b'),
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), places, (parts, at) => {
        // oxlint-disable-next-line no-control-regex
        const text = parts.join('').replaceAll(/[\0-\x08\x0e-\x1f\x7f-\x9f]/g, '')
        const readings = [text, read(text)]
        fc.pre(readings.every((one) => maskingKinds.every((kind) => detectors[kind].find(one).length === 0)))
        fc.pre(!/[%&\\<]/.test(read(text)) && Buffer.from(text).toString() === text)
        const bytes = Buffer.from(text)
        expect(hideInText(text, { kinds: ALL, keys })).toBeUndefined()
        expect(answered(cut(bytes, at))).toBe(text)
        expect(streamed(cut(bytes, at), true)).toBe(text)
      }),
      { numRuns: sampledRuns(60) },
    )
  })

  it('in linear time', () => {
    for (const piece of ['4\u00a0', '４', '\u200b', 'e\u200b', 'ｅyJ', '＠', '\u0301', '⑩', '𝟒', 'a＠b．'])
      for (const kind of maskingKinds)
        maskKinds(piece.repeat(5000), [{ kind, style: 'redact', hashScope: 'session' }], keys)
  })
})

describe('controls, which nobody sees,', () => {
  const controls = Array.from({ length: 0xa0 }, (_, code) => code).filter(
    (code) => (code < 0x20 && (code < 0x09 || code > 0x0d)) || code > 0x7e,
  )
  const search = { kinds: ALL, keys }

  it.each(VALUES)('do not divide a value: %s', (value) => {
    for (const code of controls) {
      const text = `${value.slice(0, 4)}${String.fromCharCode(code)}${value.slice(4)}`
      // What is long is searched in another way.
      for (const whole of code % 16 === 1 ? [text, `${'x '.repeat(400)}${text} y`] : [text]) {
        expect(maskKinds(whole, ALL, keys), String(code)).toBeDefined()
        expect(hideInText(whole, search), String(code)).toBeDefined()
        const bytes = Buffer.from(whole)
        expect(valueFilter(ALL)(bytes, 0, bytes.length)).toBe(true)
      }
    }
  })

  it('begin what a terminal does not show, beside which values are hidden, and within which nothing is left of one', () => {
    expect(hideInText('\u001b[31mjane.doe@example.com\u001b[0m did it', search)).toBe('\u001b[31m****\u001b[0m did it')
    for (const sequence of [
      '\u001b[0m',
      '\u009b1;31m',
      '\u001b]8;;x\u0007',
      '\u001b]0;x\u001b\\',
      '\u001bM',
      '\u001b(B',
      '\u001bP1$x\u0007\u001b\\',
      '\u001b_x\u001b\\',
      '\u001b^x\u009c',
      '\u001bXx\u001b\\',
      '\u001bkx\u001b\\',
      '\u0090x\u009c',
      '\u001b[\u001b[0m',
      '\u001b[1\bm',
    ])
      for (const text of [`jane.doe${sequence}@example.com`, `4111${sequence}1111${sequence}11111111`])
        expect(hideInText(text, search), JSON.stringify(text)).toBe('****')
  })

  it('are read in linear time', () => {
    const beginnings = ['\u001b[', '\u001b]', '\u001bP', '\u0090', '\u009d', '\u009b1', '\u009f\u0007']
    for (const text of [...beginnings.map((one) => one.repeat(200_000)), `\u001b]${'x'.repeat(400_000)}`])
      expect(hideInText(text, search)).toBeUndefined()
  })
})
