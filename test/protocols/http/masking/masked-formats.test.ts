import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MaskedKind } from '../../../../src/masking/plan.ts'
import { answerMasker } from '../../../../src/protocols/http/masking/answer-masker.ts'
import type { AnswerMasker } from '../../../../src/protocols/http/masking/masker.ts'
import { sampled, sampledRuns } from '../../../helpers/sampled.ts'

/** Documents of each format: in whatever pieces they come, the same goes out, and no value that is masked. */

const KEYS = { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) }
const KINDS: readonly MaskedKind[] = (['email', 'payment-card', 'phone', 'iban', 'jwt'] as const).map((kind) => ({
  kind,
  style: 'redact',
  hashScope: 'session',
}))

function maskerFor(type: string): AnswerMasker {
  const session = { masking: { columns: [], kinds: KINDS }, hashKeys: KEYS }
  const masker = answerMasker(
    { status: 200, contentTypes: [type], request: { segments: [], described: undefined } },
    session,
  )
  if (masker === 'as it is' || 'refuse' in masker) throw new Error('no masker')
  return masker
}

function masked(type: string, chunks: readonly Buffer[]): string {
  const masker = maskerFor(type)
  return Buffer.concat([...chunks.map((chunk) => masker.mask(chunk)), masker.end()]).toString()
}

const whole = (type: string, text: string): string => masked(type, [Buffer.from(text)])
const byteByByte = (text: string): Buffer[] => [...Buffer.from(text)].map((byte) => Buffer.from([byte]))

const VALUES = ['jane.doe@example.com', '4111111111111111', '+49 30 1234567', 'DE89370400440532013000'] as const
/** As pieces of text that hold no value. */
const WORDS = ['a', 'Zoë', '7', 'x-y', '😀', 'it is 5 o’clock', '', 'null', '12.5', 'ÿ'] as const
const value = fc.constantFrom(...VALUES)
const word = fc.constantFrom(...WORDS)

const html = (text: string): string => text.replaceAll(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
const spelled = (text: string, ways: readonly ((character: string) => string)[], seed: number): string =>
  Array.from(text, (character, index) =>
    (ways[(seed + index * 7) % ways.length] as (typeof ways)[number])(character),
  ).join('')
const hex = (character: string, digits: number): string =>
  (character.codePointAt(0) as number).toString(16).padStart(digits, '0')
const itself = (character: string): string => character
const REFERENCES = [
  itself,
  (c: string) => `&#${c.codePointAt(0)};`,
  (c: string) => `&#x${hex(c, 2)};`,
  (c: string) => `&amp;#${c.codePointAt(0)};`,
]
const UNICODE = [itself, (c: string) => (c.length === 1 ? `\\u${hex(c, 4)}` : c)]
const PERCENT = [itself, (c: string) => (c < '\x80' ? `%${hex(c, 2)}` : c)]

/** Each gives a document with this text in it, and what a reader of it would find there. */
const FORMATS: readonly { readonly type: string; readonly write: (text: string, seed: number) => string }[] = [
  { type: 'text/plain', write: (text) => `on ${text} it says` },
  { type: 'text/plain', write: (text, seed) => `{"a": "${spelled(text, UNICODE, seed)}"}` },
  { type: 'text/html', write: (text, seed) => `<p class="x">${spelled(html(text), [itself], seed)}</p>\n` },
  {
    type: 'text/html',
    write: (text, seed) => `<a title="${text.includes('&') ? '' : spelled(text, REFERENCES, seed)}">x</a>`,
  },
  {
    type: 'text/html',
    write: (text, seed) => `<td>${spelled(text, [itself, (c) => `<b>${c}</b>`, (c) => `${c}<!-- > -->`], seed)}</td>`,
  },
  {
    type: 'application/xml',
    write: (text, seed) => `<?xml version="1.0"?><a>${spelled(text, REFERENCES.slice(0, 3), seed)}</a>`,
  },
  {
    type: 'application/xml',
    write: (text, seed) =>
      `<a><![CDATA[${[...text].slice(0, seed % 9).join('')}]]>${[...text].slice(seed % 9).join('')}</a>`,
  },
  { type: 'text/csv', write: (text) => `1,"${text}",x\r\n` },
  {
    type: 'application/x-www-form-urlencoded',
    write: (text) => `a=1&b=${encodeURIComponent(text).replaceAll('%20', '+')}&c=`,
  },
  {
    type: 'application/x-www-form-urlencoded',
    write: (text, seed) => `a=${spelled(text, PERCENT, seed).replaceAll(' ', '+')}`,
  },
  { type: 'application/json', write: (text, seed) => `{"a" : [1.0, "${spelled(text, UNICODE, seed)}"],\n"b":null}` },
  { type: 'application/json', write: (text, seed) => `{"${spelled(text, UNICODE, seed)}": {"a": 1e3}}` },
  { type: 'application/x-ndjson', write: (text) => `{"a":"${text}"}\n{"b":[true,false]}\n` },
  { type: 'application/json-seq', write: (text) => `\x1e{"a":"${text}"}\n\x1e"b"\n` },
  { type: 'text/event-stream', write: (text) => `: ${text}\nid: 1\ndata: {"a":\ndata: "${text}"}\n\n` },
  { type: 'text/event-stream', write: (text) => `event: x\r\nid: ${text}\r\ndata:${text}\r\n\r\ndata: y\r\r` },
]

const everything = fc
  .tuple(fc.constantFrom(...FORMATS), fc.array(fc.oneof(value, word), { minLength: 1, maxLength: 4 }), fc.nat(50))
  .map(([{ type, write }, texts, seed]) => ({ type, text: texts.map((text) => write(text, seed)).join('\n') }))

/** What a reader of any format may make of it, with all that is between parts of a value. */
const readAs = (text: string): string => {
  const plain = text
    .replaceAll(/<!--[^]*?-->|<\/?b>|<!\[CDATA\[|\]\]>/g, '')
    .replaceAll('&amp;', '&')
    .replaceAll(/&#x([0-9a-f]+);/g, (_all, digits: string) => String.fromCodePoint(parseInt(digits, 16)))
    .replaceAll(/&#(\d+);/g, (_all, digits: string) => String.fromCodePoint(Number(digits)))
    .replaceAll(/\\u([0-9a-f]{4})/g, (_all, digits: string) => String.fromCharCode(parseInt(digits, 16)))
    .replaceAll(/%([0-7][0-9a-f])/gi, (_all, digits: string) => String.fromCharCode(parseInt(digits, 16)))
  return `${text}\n${plain}\n${plain.replaceAll('+', ' ')}`
}

describe('masked formats', () => {
  it('give the same in whatever pieces they come, and no value', () => {
    fc.assert(
      fc.property(everything, fc.array(fc.nat(400), { maxLength: 6 }), ({ type, text }, cuts) => {
        const bytes = Buffer.from(text)
        const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end))
        const out = whole(type, text)
        expect(masked(type, chunks)).toBe(out)
        const read = readAs(out)
        for (const hidden of VALUES) expect(read.replaceAll(' ', '')).not.toContain(hidden.replaceAll(' ', ''))
      }),
      { numRuns: sampledRuns(2000) },
    )
  })

  it.each(FORMATS.map((format, index) => [`${format.type} (${index})`, format] as const))(
    'give the same when cut at every byte: %s',
    (_name, { type, write }) => {
      for (const [turn, text] of VALUES.entries()) {
        const document = write(text, 3)
        const out = whole(type, document)
        expect(out).toContain('*')
        expect(masked(type, byteByByte(document))).toBe(out)
        const bytes = Buffer.from(document)
        for (const at of sampled([...bytes.keys()], { turn }))
          expect(masked(type, [bytes.subarray(0, at), bytes.subarray(at)])).toBe(out)
      }
    },
  )

  it('leave what holds no value as it is, byte for byte', () => {
    const clean = fc
      .tuple(fc.constantFrom(...FORMATS), fc.array(word, { minLength: 1, maxLength: 5 }), fc.nat(50))
      .map(([{ type, write }, texts, seed]) => ({ type, text: texts.map((text) => write(text, seed)).join('\n') }))
    fc.assert(
      fc.property(clean, ({ type, text }) => {
        expect(whole(type, text)).toBe(text)
        expect(masked(type, byteByByte(text))).toBe(text)
      }),
      { numRuns: sampledRuns(1000) },
    )
  })

  it('leave any JSON without values as it is, with its blanks, numbers and escapes', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(3), (json, indent) => {
        const text = JSON.stringify(JSON.parse(json), null, indent)
        // Numbers that look like cards may come by chance.
        fc.pre(!/\d{12}|@|\+\d/.test(text))
        expect(whole('application/json', text)).toBe(text)
        expect(masked('application/json', byteByByte(text))).toBe(text)
      }),
    )
  })

  it('pass on at once what cannot be part of a value', () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ['text/plain', 'line one\nline two ja', 'line one\nline two '],
      ['text/html', '<p>text <b>bold</b>, ', '<p>text <b>bold</b>, '],
      ['application/json', '{"a":1,"b":"te', '{"a":1,"b":'],
      ['application/x-ndjson', '{"a":"x"}\n', '{"a":"x"}\n'],
      ['text/event-stream', 'data: x\n\ndata: y\n', 'data: x\n\n'],
      ['text/event-stream', 'data: x\r\r', 'data: x\r\r'],
      ['text/event-stream', ': ping\n\n', ': ping\n\n'],
    ]
    for (const [type, text, out] of cases) expect(maskerFor(type).mask(Buffer.from(text)).toString()).toBe(out)
  })
})
