import { describe, expect, it } from 'vitest'
import { hiddenValues } from '../../../../../src/protocols/postgres/gateway/results/hidden-values.ts'

const search = {
  kinds: [
    { kind: 'email', style: 'redact', hashScope: 'session' },
    { kind: 'payment-card', style: 'redact', hashScope: 'session' },
  ] as const,
  keys: { session: Buffer.from('s'), target: Buffer.from('t') },
  types: new Map([
    [25, { form: 'text' }],
    [114, { form: 'json' }],
  ] as const),
}
const shown = (typeOid: number, format: 0 | 1, text: string): string | null => {
  const rewritten = hiddenValues(typeOid, format, search)?.(Buffer.from(text))
  return rewritten === undefined ? text : rewritten === null ? null : rewritten.toString()
}

describe('kinds of data that escapes spell', () => {
  it.each([
    'jane\\u0040example.com',
    'jane\\\\u0040example.com',
    'jane\\u{40}example.com',
    'jane\\0040example.com',
    'jane\\x40example.com',
    'jane\\+000040example.com',
    'jane\\U00000040example.com',
    'jane\\u0040deadbeef.com',
    'jane&#64;example.com',
    'jane&#0064;example.com',
    'jane&#x40;example.com',
    'jane&commat;example&period;com',
    'to=jane%40example.com',
    '&#106;&#97;&#110;&#101;&#64;example.com',
    'bob@example.com and jane&#64;example.com',
    '4111&#49;11111111111',
  ])('%s', (text) => {
    for (const format of [0, 1] as const) {
      expect(shown(25, format, text)).toBeNull()
      const document = shown(114, format, JSON.stringify({ a: text })) ?? ''
      expect(document).not.toContain('jane')
      expect(document).not.toContain('4111')
    }
  })

  it.each(['100 % of it', 'a & b', 'AT&T', 'C:\\users\\x', '50%25 off', 'fish &#38; chips', '\\u00e9t\\u00e9'])(
    'none in %s',
    (text) => {
      expect(shown(25, 0, text)).toBe(text)
    },
  )
})
