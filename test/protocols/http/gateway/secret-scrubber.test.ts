import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scrubbedText, SecretScrubber } from '../../../../src/protocols/http/gateway/secret-scrubber.ts'
import { needlesOf } from '../../../../src/protocols/http/gateway/secret-spellings.ts'

const SECRET = `tok/3f+9&"<1>'=\\é%A`
const NEEDLES = needlesOf(SECRET)
const escaped = (pattern: RegExp, spell: (character: string) => string): string => SECRET.replaceAll(pattern, spell)
const code = (character: string): number => character.charCodeAt(0)
const hex = (character: string, digits: number): string => code(character).toString(16).padStart(digits, '0')
const json = JSON.stringify(SECRET).slice(1, -1)
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const MARKS = /[^A-Za-z0-9]/g

/** As the libraries named write it. */
const SPELLINGS: readonly [string, string][] = [
  ['as it is', SECRET],
  ['JSON', json],
  ['JSON of PHP', json.replaceAll('/', '\\/')],
  ['JSON of Go', json.replaceAll(/[<>&]/g, (character) => `\\u${hex(character, 4)}`)],
  ['JSON of .NET', escaped(/[^A-Za-z0-9/%=]/g, (character) => `\\u${hex(character, 4).toUpperCase()}`)],
  ['JSON of Python', json.replaceAll('é', '\\u00e9')],
  ['JSON within JSON', JSON.stringify(json).slice(1, -1)],
  ['every character of JSON', escaped(/[^]/g, (character) => `\\u${hex(character, 4)}`)],
  ['encodeURIComponent', encodeURIComponent(SECRET)],
  ['in lower case', encodeURIComponent(SECRET).replaceAll(/%../g, (spelled) => spelled.toLowerCase())],
  ['RFC 3986', encodeURIComponent(SECRET).replaceAll("'", '%27')],
  ['every byte of a URL', Array.from(Buffer.from(SECRET), (byte) => `%${byte.toString(16)}`).join('')],
  ['twice', encodeURIComponent(encodeURIComponent(SECRET))],
  ['a form', new URLSearchParams({ a: SECRET }).toString().slice(2)],
  [
    'HTML of Python',
    escaped(
      /[&<>"']/g,
      (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#x27;' })[character] ?? '',
    ),
  ],
  [
    'HTML of PHP',
    escaped(
      /[&<>"']/g,
      (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#039;' })[character] ?? '',
    ),
  ],
  [
    'HTML of Go',
    escaped(
      /[&<>"'+]/g,
      (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[character] ?? `&#${code(character)};`,
    ),
  ],
  ['HTML by number', escaped(MARKS, (character) => `&#${code(character)};`)],
  ['HTML by hexadecimal number', escaped(MARKS, (character) => `&#x${hex(character, 2)};`)],
  ['HTML within HTML', escaped(/[&<>"]/g, (character) => `&amp;#${code(character)};`)],
  ['a text of JavaScript', escaped(/[&<>"'=]/g, (character) => `\\x${hex(character, 2)}`).replace('\\é', '\\\\é')],
  ['hexadecimal', Buffer.from(SECRET).toString('hex')],
  [
    'hexadecimal, in capitals, with colons',
    Buffer.from(SECRET).toString('hex').toUpperCase().match(/../g)?.join(':') ?? '',
  ],
]

describe('SecretScrubber', () => {
  it.each(SPELLINGS)('finds %s', (_name, spelled) => {
    const bytes = Buffer.from(`<${spelled}>`)
    const shown = scrubbedText(bytes.toString('latin1'), NEEDLES)
    expect(shown).toBe(`<${'*'.repeat(bytes.length - 2)}>`)
  })

  it('finds it in small letters, as names of headers have it', () => {
    expect(scrubbedText('x-tok-1f9a51', needlesOf('Tok-1F9A51'))).toBe('x-**********')
  })

  it.each(['utf16le', 'utf16be', 'latin1'])('finds it in %s', (encoding) => {
    const bytes = Buffer.from(`<${SECRET}>`, encoding === 'latin1' ? 'latin1' : 'utf16le')
    if (encoding === 'utf16be') bytes.swap16()
    const shown = scrubbedText(bytes.toString('latin1'), NEEDLES)
    expect(shown).toHaveLength(bytes.length)
    expect(shown).toMatch(encoding === 'latin1' ? /^<\*+>$/ : /^\0?<\0?\*+\0?>\0?$/)
  })

  it.each(['', 'u', 'us', 'user:'])('finds it in base64, behind %j', (before) => {
    for (const text of [
      base64(`${before}${SECRET} and more`),
      Buffer.from(`${before}${SECRET} and more`).toString('base64url'),
      base64(`${before}${SECRET} and more`).replaceAll(/.{5}/g, '$&\r\n'),
      JSON.stringify(base64(`${before}${SECRET} and more`))
        .replaceAll('/', '\\/')
        .replaceAll('+', '\\u002B'),
    ]) {
      const shown = Buffer.from(
        scrubbedText(text, NEEDLES)
          .replaceAll('*', 'A')
          .replaceAll(/[\r\n"]/g, ''),
        'base64',
      )
      // The characters at its ends are part of others.
      expect(shown.toString('latin1')).not.toContain(SECRET.slice(2, 6))
      expect(shown.toString('latin1')).not.toContain(SECRET.slice(-8, -4))
    }
  })

  it.each(SPELLINGS)('finds it across pieces: %s', (_name, spelled) => {
    const bytes = Buffer.from(`ab${spelled}tok${spelled}yz`)
    const whole = Buffer.from(scrubbedText(bytes.toString('latin1'), NEEDLES), 'latin1')
    for (const size of [1, 2, 3, 7]) {
      const scrubber = new SecretScrubber(NEEDLES)
      const pieces: Buffer[] = []
      for (let at = 0; at < bytes.length; at += size) pieces.push(scrubber.push(bytes.subarray(at, at + size)))
      pieces.push(scrubber.end())
      expect(Buffer.concat(pieces).toString('latin1')).toBe(whole.toString('latin1'))
    }
  })

  it('holds back nothing that cannot be the beginning of it, and changes nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (chunks) => {
        const scrubber = new SecretScrubber(NEEDLES)
        const out = [...chunks.map((chunk) => scrubber.push(Buffer.from(chunk))), scrubber.end()]
        expect(Buffer.concat(out).equals(Buffer.concat(chunks))).toBe(true)
      }),
    )
    const scrubber = new SecretScrubber(NEEDLES)
    expect(scrubber.push(Buffer.from('data: first\n\n')).toString()).toBe('data: first\n\n')
    expect(scrubber.push(Buffer.from('a tok')).toString()).toBe('a ')
    expect(scrubber.push(Buffer.from('en')).toString()).toBe('token')
  })

  it('finds one that overlaps another', () => {
    const needles = needlesOf('abcdabcdabcd')
    const scrubber = new SecretScrubber(needles)
    const out = ['abcdabcd', 'abcdabcd', '.'].map((text) => scrubber.push(Buffer.from(text)))
    expect(Buffer.concat([...out, scrubber.end()]).toString()).toBe(`${'*'.repeat(16)}.`)
  })

  it('passes everything where there is no secret', () => {
    const chunk = Buffer.from('x')
    const scrubber = new SecretScrubber([])
    expect([scrubber.push(chunk), scrubber.end().length]).toEqual([chunk, 0])
  })
})
