import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { maskKinds, maskValue } from '../../src/masking/replace.ts'
import { maskingKinds, type MaskingKind } from '../../src/policy/policy.ts'

const KEYS = { session: Buffer.from('session'), target: Buffer.from('target') }
const mask = (kind: MaskingKind, text: string): string | undefined =>
  maskKinds(text, [{ kind, style: 'redact', hashScope: 'session' }], KEYS)

describe('kinds of data are found', () => {
  it.each<[MaskingKind, string]>([
    ['iban', 'GB82WEST12345698765432'],
    ['iban', 'DE89 3704 0044 0532 0130 00'],
    ['iban', 'FR1420041010050500013M02606'],
    ['phone', '+44 20 7946 0958'],
    ['phone', '+1-202-555-0103'],
    ['phone', '(202) 555-0103'],
    ['phone', '0049 30 901820'],
    ['phone', '0049-30-901820'],
    ['phone', '0049 (0)30 901820'],
    ['phone', '0049(0)170/1234567'],
    ['phone', '001 202 555 0103'],
    ['phone', '00353 1 234 5678'],
    ['payment-card', '4111.1111.1111.1111'],
    ['payment-card', '4111  1111  1111  1111'],
    ['payment-card', '3782.822463.10005'],
    ['payment-card', '3782  822463  10005'],
    ['national-id', '078-05-1120'],
    ['national-id', 'AB 12 34 56 C'],
    ['national-id', '12345678Z'],
    ['national-id', 'X1234567L'],
    ['national-id', '1 85 05 78 006 084 91'],
    ['national-id', 'RSSMRA85T10A562S'],
    ['national-id', '111.444.777-35'],
    ['ip-address', '192.0.2.17'],
    ['ip-address', '2001:db8::8a2e:370:7334'],
    ['ip-address', '::1'],
    ['jwt', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U'],
    ['private-key', '-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----'],
    ['private-key', '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl'],
    ['cloud-key', 'AKIAIOSFODNN7EXAMPLE'],
    ['cloud-key', `ghp_${'a1B2'.repeat(9)}`],
    ['cloud-key', `sk_live_${'x'.repeat(24)}`],
  ])('%s: %s', (kind, value) => {
    expect(mask(kind, value)).toBe('****')
    expect(mask(kind, `before ${value} after`)).toBe(
      kind === 'private-key' && !value.includes('END') ? 'before ****' : 'before **** after',
    )
  })

  it.each([
    ["email = 'ada@example.com'", "email = '****'"],
    ['`ada@example.com`', '`****`'],
    ["'' 'o''brien@example.com'", "'' '****'"],
    ["o'brien@example.com", '****'],
    ["'@example.com", '****'],
  ])('a quote before an e-mail address is no part of it: %s', (text, expected) => {
    expect(mask('email', text)).toBe(expected)
  })

  it.each<[MaskingKind, string]>([
    ['iban', 'GB82WEST12345698765433'], // the checksum does not fit
    ['iban', 'AB12'],
    ['phone', '2026-11-24 09:59'],
    ['phone', '1234567890'],
    ['phone', '+1'],
    ['phone', '00412345678905'], // a GTIN-14, as are other numbers with leading zeros
    ['phone', '0049309018200'],
    ['phone', '0012.34.567.8901'],
    ['phone', '0020-01-01'],
    ['phone', '0001-01-01 00:00:00'],
    ['phone', '0012-4567-8901-ab12'],
    ['phone', '12345678-0012-4567-8901-123456789012'],
    ['phone', '1.0049 30 901820'],
    ['phone', '0x0049 30 901820'],
    ['phone', '0049 30 9018'],
    ['phone', '00 49 30'],
    ['payment-card', '4111.1111.1111.1112'], // the checksum does not fit
    ['payment-card', '4111.1111.1111'],
    ['payment-card', '4111.1111 1111.1111'],
    ['payment-card', '4111   1111   1111   1111'],
    ['payment-card', '1.4111.1111.1111.1111'],
    ['payment-card', '4111.1111.1111.1111.1'],
    ['payment-card', '4111  1111 1111  1111'],
    ['payment-card', '9111.1111.1111.1111'],
    ['payment-card', '4.11.1111'],
    ['national-id', '000-12-3456'],
    ['national-id', '12345678A'],
    ['national-id', '111.444.777-36'],
    ['national-id', '550e8400-e29b-41d4-a716-446655440000'],
    ['ip-address', '999.1.1.1'],
    ['ip-address', '1.2.3'],
    ['ip-address', '12:30:45'],
    ['ip-address', '1.2.3.4.5'],
    ['jwt', 'eyJ.not'],
    ['private-key', '-----BEGIN PUBLIC KEY-----'],
    ['cloud-key', 'AKIA123'],
  ])('%s: %s is left alone', (kind, value) => {
    expect(mask(kind, value)).toBeUndefined()
  })

  it.each([
    ['d41d8cd98f00b204e9800998ecf8427e'.replace('8f00b204e9800998', '4111111111111111'), undefined],
    [`ab4111111111111111${'0c'.repeat(40)}`, undefined],
    [`AB4111111111111111${'0C'.repeat(4)}`, undefined],
    ['card4111111111111111', 'card****'],
    ['abc4111111111111111def', 'abc****def'],
    ['id=4111111111111111;x=abcdefabcdefabcdef', 'id=****;x=abcdefabcdefabcdef'],
    ['abcdefabcdef 4111111111111111 abcdef', 'abcdefabcdef **** abcdef'],
    ['4111111111111111', '****'],
  ])('payment cards within hexadecimal text: %s', (text, expected) => {
    expect(mask('payment-card', text)).toBe(expected)
  })

  it('in linear time, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...maskingKinds),
        fc.stringMatching(/^[a-zA-Z0-9 .:@+_()-]{1,12}$/),
        (kind, piece) => {
          mask(kind, piece.repeat(2000))
        },
      ),
    )
    for (const kind of maskingKinds)
      for (const piece of ['1 ', 'A1', ':', 'a:', '1.', '+1(2)', 'eyJ', '-----BEGIN PRIVATE KEY-----', 'a@', '1234 '])
        mask(kind, piece.repeat(20_000))
  })
})

describe('styles', () => {
  it('hash: the same for the same value, another for another column, key or value', () => {
    const hash = (value: string, scope: string, key = KEYS.session): string | null =>
      maskValue(value, 'hash', { key, scope })
    expect(hash('a', 'x')).toMatch(/^h_[\w-]{16}$/)
    expect(hash('a', 'x')).toBe(hash('a', 'x'))
    expect(new Set([hash('a', 'x'), hash('b', 'x'), hash('a', 'y'), hash('a', 'x', KEYS.target)]).size).toBe(4)
  })

  it.each([
    ['4111111111111111', '****1111'],
    ['1234567', '****'],
    ['', '****'],
  ])('keep-last-4: %s', (value, shown) => {
    expect(maskValue(value, 'keep-last-4', { key: KEYS.session, scope: '' })).toBe(shown)
  })
})
