import { describe, expect, it } from 'vitest'
import type { MaskedKind } from '../../../src/masking/plan.ts'
import { LoneReading, letOut, redacted } from '../../helpers/lone-reading.ts'

/** Each kind with its longest values, and what may stand before one without an end to the run of characters that it is of. */
const LONGEST: readonly (readonly [MaskedKind['kind'] & string, value: string, before: string])[] = [
  ['email', `${'jane.doe.'.repeat(7)}j@${'m'.repeat(63)}.${'mail.'.repeat(30)}example.com`, 'x '],
  ['payment-card', '4111  1111  1111  1111', '7 -  '],
  ['iban', 'MT84 MALT 0110 0001 2345 MTLC AST0 01S', 'TO THE ORDER OF '],
  ['phone', '(212) 555-0199', '1 / '],
  ['phone', '+49 (0) 30-12 34 56 78 90', '1 / '],
  ['national-id', '219-09-9999', 'her number is '],
  ['national-id', '1 84 12 76 451 089 46', 'her number is '],
  ['ip-address', '2001:0db8:85a3:08d3:1319:8a2e:0370:7344', 'x '],
  ['cloud-key', `dop_v1_${'0a1b2c3d'.repeat(8)}`, 'x '],
  ['cloud-key', `github_pat_11ABCDEFG0${'a1B2c3D4e5'.repeat(7)}_x`, 'x '],
  ['private-key', '-----BEGIN ENCRYPTED PRIVATE KEY-----', 'x '],
]

/** Wherever in a long run a value begins, some place of what has gone by is where the next part goes out. */
describe('a value that comes character by character', () => {
  it.each(LONGEST)('of kind %s is held until it is whole: %s', (kind, value, before) => {
    // What is longer than that is cut within itself.
    const most = value.length > 60 ? 2 : 60
    for (let count = 1; count <= most; count++) {
      const text = `x ${before.repeat(count).slice(-count)}${value}\n`
      const whole = letOut([text], redacted(kind))
      expect(whole).toContain('****')
      expect(letOut(text, redacted(kind)), `behind ${count} characters`).toBe(whole)
    }
  })

  it('of kind jwt is held until it is whole, as long as headers of requests may be', () => {
    const token = `eyJhbGciOiJIUzI1NiJ9.eyJ${'zdWIiOiJ'.repeat(1500)}.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk`
    const pieces = `x ${token} y`.match(/.{1,700}/g) as string[]
    expect(letOut(pieces, redacted('jwt'))).toBe('x **** y')
  })
})

describe('what is no beginning of a value', () => {
  it.each(['monkeyJane', 'eel', 'export', '-eyJhb', 'eye'])('is not held for a token: %s', (text) => {
    const reading = new LoneReading(redacted('jwt'))
    for (const character of text) {
      reading.add(character)
      reading.release()
    }
    expect([reading.out, reading.held]).toEqual([text, 0])
  })
})

const pattern = (text: string, find: RegExp): MaskedKind[] =>
  redacted({
    name: 'note',
    pattern: text,
    find: (from) =>
      [...from.matchAll(find)].map(({ index, 0: found }) => ({ start: index, end: index + found.length })),
  })

describe('a kind of a rule whose dot matches a line feed', () => {
  it.each(['(?s)secret.{4}', '(?is)secret.{4}', '(?i-Us)secret.{4}', '(?U-i)(?ms:secret.{4})'])(
    'is held over lines: %s',
    (text) => {
      expect(letOut('a secret\nabc, b\n', pattern(text, /secret.{4}/gs))).toBe('a ****, b\n')
    },
  )
})
