import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonSplitter, TooLong } from '../../../../src/protocols/http/json/json-splitter.ts'
import { parseJson } from '../../../../src/protocols/http/json/parse-json.ts'

function split(
  text: string,
  size: number,
  maxBytes = 1000,
): { readonly pieces: readonly string[]; readonly out: string } {
  const pieces: string[] = []
  const piece = (name: string) => (bytes: Buffer) => {
    pieces.push(`${name} ${bytes.toString()}`)
    return bytes
  }
  const splitter = new JsonSplitter(
    new Set(['items']),
    { document: piece('document'), head: piece('head'), element: piece('element'), tail: piece('tail') },
    maxBytes,
  )
  const bytes = Buffer.from(text)
  const out: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) out.push(splitter.push(bytes.subarray(at, at + size)))
  out.push(splitter.end())
  return { pieces, out: Buffer.concat(out).toString() }
}

describe('pieces of JSON', () => {
  it.each([
    ['{"a":1}', ['document {"a":1}']],
    ['{"a":1}\n{"b":"}"}\n', ['document {"a":1}', 'document {"b":"}"}']],
    ['{"a":{"items":[1]}}', ['document {"a":{"items":[1]}}']],
    ['{"a":"items","b":[1]}', ['document {"a":"items","b":[1]}']],
    [
      '{"items":[ {"a":[1]}, "x\\"]" ,2,[3] ],"k":{"items":[4]}}',
      [
        'head {"items":[',
        'element {"a":[1]}',
        'element "x\\"]"',
        'element 2',
        'element [3]',
        'tail ],"k":{"items":[4]}}',
      ],
    ],
    [
      '{"items":[],"b":1} {"items":[1]}',
      ['head {"items":[', 'tail ],"b":1}', 'head {"items":[', 'element 1', 'tail ]}'],
    ],
    ['{"items":{"a":1}}', ['document {"items":{"a":1}}']],
    ['{"it\\u0065ms":[1]}', ['document {"it\\u0065ms":[1]}']],
    ['[{"items":[1]}]', ['document [{"items":[1]}]']],
    ['"text" true', ['document "text"', 'document true']],
    ['{"a":1', ['document {"a":1']],
    ['{"items":[{"a":1', ['head {"items":[', 'document {"a":1']],
  ])('%s', (text, expected) => {
    for (const size of [1, 3, 1000]) {
      const { pieces, out } = split(text, size)
      expect(pieces).toEqual(expected)
      expect(out).toBe(text)
    }
  })

  it('passes every document on, whole, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.json(), { maxLength: 4 }), fc.nat(9), (documents, size) => {
        const text = documents.map((document) => `${document}\n`).join('')
        expect(split(text, size + 1, 1e6).out).toBe(text)
      }),
    )
  })

  it('keeps no more than the limit', () => {
    expect(() => split(`{"a":"${'x'.repeat(2000)}"}`, 100)).toThrow(TooLong)
    expect(() => split(`{"items":["${'x'.repeat(2000)}"]}`, 100)).toThrow(TooLong)
    expect(split(`{"items":[${'1,'.repeat(5000)}1]}`, 100).pieces).toHaveLength(5003)
  })
})

describe('JSON with places', () => {
  it('reads what JSON.parse reads, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.string(),
          fc.json().map((text) => text.replace(/[,:"]/, '')),
        ),
        (text) => {
          let expected: unknown
          try {
            expected = JSON.parse(text)
          } catch {
            expect(parseJson(text)).toBeUndefined()
            return
          }
          const node = parseJson(text)
          expect(node).toBeDefined()
          expect(JSON.parse(text.slice(node?.start, node?.end))).toEqual(expected)
        },
      ),
    )
  })

  it('gives up on too many values', () => {
    expect(parseJson(`[${'1,'.repeat(300_000)}1]`)).toBeUndefined()
    expect(parseJson(`[${'1,'.repeat(200_000)}1]`)).toBeDefined()
  })

  it('gives up on what is nested too deeply', () => {
    expect(parseJson(`${'['.repeat(300)}${']'.repeat(300)}`)).toBeUndefined()
    expect(parseJson(`${'['.repeat(200)}${']'.repeat(200)}`)).toBeDefined()
  })
})
