import { byteAt } from '../../../wire/byte-at.ts'
import { item } from '../../../shared/item.ts'
/** A text to look for: how each of its characters may be spelled, by the first byte of that. */
export type Needle = readonly Spellings[]
export type Spellings = ReadonlyMap<number, readonly Buffer[]>

/**
 * A text as servers repeat it: as it is, in small letters, as hexadecimal digits, and within what is in base64, wherever it begins there. Each character of
 * those may be escaped as in JSON, HTML, a URL, or a program, and need not be escaped as the others are. In UTF-16 and ISO 8859-1 it is found as it is.
 */
export function needlesOf(secret: string): Needle[] {
  const bytes = Buffer.from(secret)
  const inBase64 = [0, 1, 2].flatMap((before) => [
    base64Within(bytes, before, 'base64'),
    base64Within(bytes, before, 'base64url'),
  ])
  return [
    // Names of headers and hosts come in small letters.
    ...Array.from(new Set([secret, secret.toLowerCase()]), (text) => needle(text, plain)),
    ...otherEncodings(secret).map((encoded) => Array.from(encoded, oneByte)),
    needle(bytes.toString('hex'), digit, signedDigit),
    ...Array.from(new Set(inBase64), (text) => needle(text, plain, folded)),
  ]
}

/** `within`: as characters behind the first one may be spelled. With a sign in front, the first would have ends of lines wait. */
const needle = (
  text: string,
  first: (character: string) => Spellings,
  within: (character: string) => Spellings = first,
): Needle => Array.from(text, (character, index) => (index === 0 ? first(character) : within(character)))

/** In character sets other than UTF-8 that servers write when they are asked to (`Accept-Charset`), but for zeros at both ends, which wait for nothing. */
function otherEncodings(secret: string): Buffer[] {
  const utf16 = Buffer.from(secret, 'utf16le')
  const all = [
    utf16,
    Buffer.from(utf16).swap16(),
    ...(/^[\0-\xff]*[\x80-\xff]/.test(secret) ? [Buffer.from(secret, 'latin1')] : []),
  ]
  const texts = new Set(all.map((encoded) => encoded.toString('latin1').replace(/^\0+|\0+$/g, '')))
  return Array.from(texts, (text) => Buffer.from(text, 'latin1'))
}

const oneByte = (byte: number): Spellings => new Map([[byte, [Buffer.from([byte])]]])

/** The characters that depend on nothing but these bytes, where `before` bytes stand in front of them. */
function base64Within(bytes: Buffer, before: number, encoding: 'base64' | 'base64url'): string {
  const all = Buffer.concat([Buffer.alloc(before), bytes]).toString(encoding)
  return all.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
}

function spellingsOf(character: string): string[] {
  const code = character.codePointAt(0) ?? 0
  const bytes = Array.from(Buffer.from(character), (byte) => `%${hex(byte, 2)}`)
  const units = Array.from({ length: character.length }, (_, at) => `u${hex(character.charCodeAt(at), 4)}`)
  const name = HTML[character]
  const references = [
    ...[1, 2, 3, 4].map((digits) => `#${String(code).padStart(digits, '0')};`),
    ...[1, 2, 4].map((digits) => `#x${hex(code, digits)};`),
    ...(name === undefined ? [] : [`${name};`]),
  ]
  const escapes = [
    ...(units.length === 1 ? [item(units, 0)] : []),
    `u{${hex(code, 1)}}`,
    ...(code < 0x100 ? [`x${hex(code, 2)}`, code.toString(8).padStart(3, '0')] : []),
    // What follows a backslash is itself, but for letters and digits.
    ...(/[A-Za-z0-9]/.test(character) ? [] : [character]),
  ]
  return [
    character,
    ...(character === ' ' ? ['+'] : []),
    ...inBothCases(bytes.join('')),
    ...inBothCases(bytes.map((spelled) => spelled.replace('%', '%25')).join('')),
    ...(code < 0x80 ? [`=${hex(code, 2)}`] : []),
    ...references.flatMap((reference) => ['&', '&amp;'].map((start) => start + reference)).flatMap(inBothCases),
    // Once, or within a text that is escaped again.
    ...['\\', '\\\\', '\\\\\\'].flatMap((start) => escapes.map((escape) => start + escape)).flatMap(inBothCases),
    ...(units.length > 1 ? inBothCases(units.map((unit) => `\\${unit}`).join('')) : []),
  ]
}

/** Hexadecimal digits, which are spelled in either; everything else that has letters stays as it is. */
function inBothCases(text: string): string[] {
  const lower = text.replaceAll(/[0-9A-F]{2,}|(?<=x|\{)[0-9A-F]+/g, (digits) => digits.toLowerCase())
  return lower === text ? [text] : [text, lower]
}

const hex = (code: number, digits: number): string => code.toString(16).toUpperCase().padStart(digits, '0')

function byFirst(texts: readonly string[]): Spellings {
  const spellings = new Map<number, Buffer[]>()
  for (const text of new Set(texts)) {
    const bytes = Buffer.from(text)
    const first = byteAt(bytes, 0)
    spellings.set(first, [...(spellings.get(first) ?? []), bytes])
  }
  return spellings
}

/** The same few characters come again and again. */
function remembered(make: (character: string) => Spellings): (character: string) => Spellings {
  const known = new Map<string, Spellings>()
  return (character) => {
    const found = known.get(character) ?? make(character)
    if (character < '\x80') known.set(character, found)
    return found
  }
}

const plain = remembered((character) => byFirst(spellingsOf(character)))
/** Base64 is written in lines. */
const folded = remembered((character) =>
  byFirst([...spellingsOf(character), ...['\n', '\r\n', '\\n', '\\r\\n'].map((end) => end + character)]),
)
/** In either case; behind the first one, with or without signs between the bytes. */
const digit = remembered((character) => byFirst([character, character.toUpperCase()]))
const signedDigit = remembered((character) =>
  byFirst(
    ['', ':', '-', ' ', ', 0x', ' 0x', '0x', '\\x', '%'].flatMap((sign) => [
      sign + character,
      sign + character.toUpperCase(),
    ]),
  ),
)

const HTML: Readonly<Record<string, string>> = {
  '&': 'amp',
  '<': 'lt',
  '>': 'gt',
  '"': 'quot',
  "'": 'apos',
  '+': 'plus',
  '=': 'equals',
  '/': 'sol',
}
