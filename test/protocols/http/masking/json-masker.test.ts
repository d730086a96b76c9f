import { describe, expect, it } from 'vitest'
import type { MaskedKind, MaskedPointer } from '../../../../src/masking/plan.ts'
import { FieldPlaces } from '../../../../src/protocols/http/masking/field-places.ts'
import { JsonMasker } from '../../../../src/protocols/http/masking/json-masker.ts'
import { parsePointerPattern } from '../../../../src/shared/field-path.ts'

const KEYS = { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) }
const EMAIL: MaskedKind = { kind: 'email', style: 'redact', hashScope: 'session' }
const CARD: MaskedKind = { kind: 'payment-card', style: 'redact', hashScope: 'session' }

function pointersOf(fields: readonly string[], style: MaskedPointer['style'] = 'redact'): MaskedPointer[] {
  return fields.map((field) => {
    const pattern = parsePointerPattern(`*:${field}`)
    if (pattern === undefined) throw new Error(`${field} is no pointer`)
    return { name: field, ...pattern, style, hashScope: 'session' }
  })
}

function masked(
  text: string,
  fields: readonly string[],
  kinds: readonly MaskedKind[] = [],
  style: MaskedPointer['style'] = 'redact',
): string {
  const masker = (): JsonMasker => new JsonMasker({ kinds, keys: KEYS }, FieldPlaces.of(pointersOf(fields, style)))
  const [whole, pieces] = [masker(), masker()]
  const out = Buffer.concat([whole.mask(Buffer.from(text)), whole.end()]).toString()
  const each = [...Buffer.from(text)].map((byte) => pieces.mask(Buffer.from([byte])))
  expect(Buffer.concat([...each, pieces.end()]).toString()).toBe(out)
  return out
}

describe('fields of JSON', () => {
  it.each([
    ['a member', '/a', '{"a": "x", "b": "x"}', '{"a": "****", "b": "x"}'],
    ['one within another', '/a/b', '{"a":{"b":"x","c":"x"},"b":"x"}', '{"a":{"b":"****","c":"x"},"b":"x"}'],
    ['a number', '/a', '{"a": 17.50 }', '{"a": null }'],
    ['a truth value', '/a', '{"a":true}', '{"a":null}'],
    ['null, which says nothing', '/a', '{"a":null}', '{"a":null}'],
    ['an object, with its names', '/a', '{"a":{"jane":[{"x":"}"}]},"b":1}', '{"a":null,"b":1}'],
    ['each element of a list', '/a', '{"a":["x",1,[{"y":2},"x"]]}', '{"a":["****",null,[null,"****"]]}'],
    ['a name that comes twice', '/a', '{"a":"x","a":{"b":1},"a":"y"}', '{"a":"****","a":null,"a":"****"}'],
    [
      'another letter case',
      '/orderStatus',
      '{"OrderStatus":"x","order_status":"x","order":"x"}',
      '{"OrderStatus":"****","order_status":"****","order":"x"}',
    ],
    ['a name with escapes', '/a', String.raw`{"\u0061":"x"}`, String.raw`{"\u0061":"****"}`],
    ['any name', '/*/a', '{"x":{"a":"1"},"y":{"a":"2","b":"3"}}', '{"x":{"a":"****"},"y":{"a":"****","b":"3"}}'],
    ['any element', '/*/a', '[{"a":"1"},{"a":"2"}]', '[{"a":"****"},{"a":"****"}]'],
    ['an element by its number', '/a/1', '{"a":["x","y","z"]}', '{"a":["x","****","z"]}'],
    ['a name in each element', '/a/b', '{"a":[{"b":"x"},[{"b":"y"}]]}', '{"a":[{"b":"****"},[{"b":"****"}]]}'],
    ['a list in place of one object', '/a', '[{"a":"x"}]', '[{"a":"****"}]'],
    [
      'any depth',
      '/**/a',
      '{"a":"1","b":{"a":"2","c":[{"a":{"x":1}}]}}',
      '{"a":"****","b":{"a":"****","c":[{"a":null}]}}',
    ],
    [
      'any depth between',
      '/x/**/a',
      '{"a":"1","x":{"a":"2","y":{"a":"3"}}}',
      '{"a":"1","x":{"a":"****","y":{"a":"****"}}}',
    ],
    ['all below', '/x/**', '{"x":"1","y":"1"}', '{"x":"****","y":"1"}'],
    ['a slash and a tilde in a name', '/a~1b/~0', '{"a/b":{"~":"x"}}', '{"a/b":{"~":"****"}}'],
    ['a star in a name', '/~2', '{"*":"x","y":"x"}', '{"*":"****","y":"x"}'],
    ['an empty name', '/', '{"":"x","y":"x"}', '{"":"****","y":"x"}'],
    ['each document', '/a', '{"a":"x"}\n{"a":"y"}', '{"a":"****"}\n{"a":"****"}'],
    [
      'nothing that is only near',
      '/a/b',
      '{"b":"x","a":"y","ab":"z","c":{"a":{"b":"x"}}}',
      '{"b":"x","a":"y","ab":"z","c":{"a":{"b":"x"}}}',
    ],
  ])('are masked: %s', (_name, field, text, out) => {
    expect(masked(text, [field])).toBe(out)
  })

  it('are shown as their style has it, and kinds are looked for in everything else', () => {
    const text =
      '{"a":"jane@example.com","b":"jane@example.com","jane@example.com":4111111111111111,"c":411111111111111}'
    expect(masked(text, ['/a'], [EMAIL, CARD], 'partial')).toBe(
      '{"a":"j***@***.com","b":"****","****":null,"c":411111111111111}',
    )
    expect(masked('{"a":"12345678"}', ['/a'], [], 'keep-last-4')).toBe('{"a":"****5678"}')
    expect(masked('{"a":"x"}', ['/a'], [], 'null')).toBe('{"a":null}')
    expect(masked('{"a":"x"}', ['/a'], [], 'hash')).toMatch(/^\{"a":"h_[\w-]{16}"\}$/)
  })

  it('hide a value whose characters are escaped, in a text as a whole', () => {
    expect(masked(String.raw`{"a":"x jane\u0040example.com"}`, [], [EMAIL])).toBe('{"a":"x ****"}')
    expect(masked('{"a":"x jane%40example.com"}', [], [EMAIL])).toBe('{"a":null}')
    expect(masked('{"a":"x jane&#64;example.com"}', [], [EMAIL])).toBe('{"a":null}')
  })

  it.each([
    '{"a":jane@example.com}',
    '{"a":1',
    '{"a" 1}',
    "{'a':1}",
    '[1,]',
    '{"a":1,}',
    '{,}',
    '[1 2]',
    '{"a":"x\ny"}',
    String.raw`{"a":"\x41"}`,
    '{"a":01}',
    '{"a":NaN}',
    '{"a":tru}',
    ']',
    '{]',
    '["a":1]',
    'jane@example.com',
    '<p>jane@example.com</p>',
    ")]}'\n{}",
    '[\x1e]',
    `{"a":${'9'.repeat(5000)}}`,
    '['.repeat(2000),
  ])('refuse what is not JSON: %j', (text) => {
    expect(() => masked(text, ['/b'], [EMAIL])).toThrow(/values are masked here/)
  })

  it('refuse a text that is not UTF-8', () => {
    const latin = new JsonMasker({ kinds: [EMAIL], keys: KEYS }, undefined)
    expect(() => latin.mask(Buffer.from('{"a":"J\xfcrgen"}', 'latin1'))).toThrow(/not JSON in UTF-8/)
  })

  it('mask a long text as it comes, and hold no more of it than may be part of a value', () => {
    const masker = new JsonMasker({ kinds: [EMAIL, CARD], keys: KEYS }, undefined)
    const value = String.raw`\njane@example.com\t\"4111\u0031\u0031\u00311 1111-1111\\`
    let out = masker.mask(Buffer.from('{"a":"')).toString()
    let most = 0
    let sent = 6
    for (let count = 0; count < 400; count++) {
      const chunk = Buffer.from(` ${'words '.repeat(1000)}${value}`)
      sent += chunk.length
      out += masker.mask(chunk).toString()
      most = Math.max(most, sent - out.length)
    }
    out += masker.mask(Buffer.from('","b":"a@b.cd"}')).toString() + masker.end().toString()
    expect(out).not.toContain('jane')
    expect(most).toBeLessThan(100_000)
    const read = JSON.parse(out) as { a: string; b: string }
    expect(read.b).toBe('****')
    expect(read.a).toMatch(/^ (?:words )+\n\*\*\*\*\t"/)
  })

  it('mask a long text wherever it is cut', () => {
    const text = JSON.stringify({ a: `${'x'.repeat(20_000)} \njane@example.com" é😀 \\ ${'y'.repeat(3)}`, b: [1] })
    for (let at = 20_000; at < Buffer.byteLength(text); at++) {
      const masker = new JsonMasker({ kinds: [EMAIL], keys: KEYS }, undefined)
      const bytes = Buffer.from(text)
      const out = [masker.mask(bytes.subarray(0, at)), masker.mask(bytes.subarray(at)), masker.end()]
      expect(Buffer.concat(out).toString()).toBe(text.replace('jane@example.com', '****'))
    }
  })

  it('show nothing of a long text that a field masks, and refuse long names', () => {
    const long = 'x'.repeat(100_000)
    expect(masked(`{"a":"${long}","b":"x"}`, ['/a'])).toBe('{"a":"****","b":"x"}')
    expect(masked(`{"a":{"b":"${long}"},"b":"x"}`, ['/a'])).toBe('{"a":null,"b":"x"}')
    expect(() => masked(`{"${long}":1}`, ['/a'])).toThrow(/a name in the answer is too long/)
    expect(() => masked(`{"a":"${long}`, [], [EMAIL])).toThrow(/not JSON/)
    expect(() => masked(`{"a":"${long}\n"}`, [], [EMAIL])).toThrow(/not JSON/)
  })

  it('pass a byte order mark, as some servers send one', () => {
    expect(masked('\uFEFF{"a":"x"}', ['/a'])).toBe('\uFEFF{"a":"****"}')
    expect(masked('', ['/a'])).toBe('')
  })
})
