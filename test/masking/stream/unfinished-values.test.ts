import { describe, expect, it } from 'vitest'
import type { MaskedKind } from '../../../src/masking/plan.ts'
import { LoneReading, redacted } from '../../helpers/lone-reading.ts'

const KINDS = redacted('jwt', 'private-key', 'cloud-key', 'email', 'payment-card')
const CODE: MaskedKind = {
  kind: {
    name: 'code',
    pattern: 'c{3,}',
    find: (text) =>
      [...text.matchAll(/c{3,}/g)].map(({ index, 0: found }) => ({ start: index, end: index + found.length })),
  },
  style: 'redact',
  hashScope: 'session',
}

/** What a reading lets out of these pieces; all that is held goes out behind each of them. With `copied`, each piece is read by a copy of the one before. */
function read(pieces: readonly string[], kinds: readonly MaskedKind[] = KINDS, copied = false): string {
  const reading = new LoneReading(kinds)
  for (const piece of pieces) {
    for (const part of piece.match(/.{1,40}/gs) ?? []) {
      if (copied) reading.fork()
      reading.add(part)
      reading.release()
    }
    if (copied) reading.fork()
    reading.flush()
  }
  return reading.out
}

const TOKEN = `eyJ${'hbGciOiJ'.repeat(12)}.eyJ${'zdWIiOiJ'.repeat(12)}.${'dBjftJeZ'.repeat(8)}`
const KEY = `-----BEGIN PRIVATE KEY-----\n${`${'MIIEvQIB'.repeat(8)}\n`.repeat(150)}-----END PRIVATE KEY-----`

describe('what goes out before its end has come', () => {
  it.each([
    'AKIAIOSFOD',
    'ASIAIOSFOD',
    'ghp_123456',
    'ghs_123456',
    'github_pat_1234',
    'glpat-1234',
    'sk_live_1234',
    'sk-ant-1234',
    'npm_123456',
    'eyJhbGciOiJI',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIi',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.dBjf',
    // Of a token whose payload stands elsewhere (RFC 7515, appendix F).
    'eyJhbGciOiJIUzI1NiJ9..dBjftJeZ',
  ])('is hidden where it is surely the beginning of a secret: %s', (beginning) => {
    expect(read([`x ${beginning}`])).toBe('x ****')
  })

  it.each(['AKIA', 'ghp_1', 'eyJ', 'a.b', 'sk_test'])('is shown where it may be anything: %s', (text) => {
    expect(read([`x ${text}`])).toBe(`x ${text}`)
  })

  it('hides the rest of a token as it comes, and what stands behind it no more', () => {
    for (const at of [20, 99, 105, 150, 250]) {
      const out = read([`x ${TOKEN.slice(0, at)}`, TOKEN.slice(at), ' and jane.doe has 7 apples'])
      expect(out, String(at)).toMatch(/^x \*+ and jane\.doe has 7 apples$/)
    }
  })

  it('hides the rest of a token that is longer than what is looked back at, piece by piece', () => {
    const long = `eyJ${'hbGciOiJ'.repeat(120)}`
    const pieces = [`x ${long}`, '.eyJzdWIiOiJqYW5lIn0', '.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk', ' y']
    expect(read(pieces)).toMatch(/^x \*+ y$/)
    expect(read(pieces, KINDS, true)).toBe(read(pieces))
  })

  it('hides all of a private key that goes out in pieces, and what stands behind it no more', () => {
    for (const at of [40, 700, 5000, KEY.length - 10]) {
      const out = read([`x ${KEY.slice(0, at)}`, `${KEY.slice(at)} and so on`])
      expect(out, String(at)).toMatch(/^x \*+ and so on$/)
    }
  })
})

it('a copy goes on as the reading that it was made of', () => {
  const texts: [readonly string[], readonly MaskedKind[]][] = [
    [[`x ${TOKEN.slice(0, 99)}`, `${TOKEN.slice(99)} y`], KINDS],
    [[`x ${KEY.slice(0, 700)}`, `${KEY.slice(700)} y ${TOKEN} z`], KINDS],
    [['jane.doe', '@example.com and 4111 1111 ', '1111 1111 end'], KINDS],
    [[`mail bob.${'x'.repeat(60)}@example.com, card 4111111111111111.`, ' AKIAIOSFOD', 'NN7EXAMPLE end'], KINDS],
    [[`x ${'c'.repeat(5000)}`, `${'c'.repeat(50)}dd end`], [CODE]],
    [[`x ${'c'.repeat(20)}`, `cc end`], [CODE]],
  ]
  for (const [pieces, kinds] of texts) expect(read(pieces, kinds, true)).toBe(read(pieces, kinds))
})
