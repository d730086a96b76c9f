import type { MaskedReading } from '../../../masking/stream/masked-reading.ts'
import { byteAt } from '../../../wire/byte-at.ts'
import { PlainWay, readEscaped, textCoding, type TextCoding, type Way } from './text-ways.ts'
import { unmaskable } from './unmaskable.ts'

/**
 * The text of HTML and XML without tags and comments, with character references as what they stand for: a value in parts of which some are
 * bold is one. What a tag of HTML begins on a new line or in another cell, and any tag of XML, parts texts.
 */
export class MarkupWay implements Way {
  readonly #language: 'html' | 'xml'
  readonly #coding: TextCoding
  readonly #plain: PlainWay
  #mode: 'text' | 'tag' | 'comment' | 'section' | 'instruction' = 'text'
  /** Of the tag that is being read, as far as it has come. */
  #name = ''
  #isNameOver = false
  /** Within a value of an attribute. */
  #quote = 0

  constructor(language: 'html' | 'xml', isLatin: boolean) {
    this.#language = language
    this.#coding = textCoding(isLatin, { stop: '<' })
    this.#plain = new PlainWay(textCoding(isLatin))
  }

  read(reading: MaskedReading, bytes: Buffer, from: number, to: number, isEnd: boolean): number {
    for (let at = from; ;) {
      if (at === to) return at
      const next = this.#step(reading, bytes, at, to, isEnd)
      if (next === at) return at
      at = next
    }
  }

  /** Where the step has led; `at` where more bytes are needed. */
  #step(reading: MaskedReading, bytes: Buffer, at: number, to: number, isEnd: boolean): number {
    switch (this.#mode) {
      case 'text':
        return bytes[at] === LESS_THAN
          ? this.#open(reading, bytes, at, to, isEnd)
          : readEscaped(reading, bytes, at, to, isEnd, this.#coding)
      case 'tag':
        return this.#tag(reading, bytes, at, to)
      case 'comment':
        return this.#until('-->', bytes, at, to, isEnd)
      case 'instruction':
        return this.#until(this.#language === 'xml' ? '?>' : '>', bytes, at, to, isEnd)
      case 'section': {
        // What it holds is text as it stands.
        const end = this.#until(']]>', bytes, at, to, isEnd)
        const isOver = this.#mode !== 'section'
        const read = this.#plain.read(reading, bytes, at, isOver ? end - 3 : end, isEnd || isOver)
        return isOver ? end : read
      }
    }
  }

  /** What begins with `<`. */
  #open(reading: MaskedReading, bytes: Buffer, at: number, to: number, isEnd: boolean): number {
    const head = bytes.toString('latin1', at, Math.min(to, at + SECTION.length))
    for (const [opening, mode] of OPENINGS) {
      if (head.startsWith(opening)) {
        this.#mode = mode
        return at + opening.length
      }
      if (!isEnd && opening.startsWith(head)) return at
    }
    if (/^<[A-Za-z/!]/.test(head)) {
      this.#mode = 'tag'
      this.#name = ''
      this.#isNameOver = false
      this.#quote = 0
    } else reading.add(LESS_THAN, at, at + 1)
    return at + 1
  }

  #tag(reading: MaskedReading, bytes: Buffer, from: number, to: number): number {
    for (let at = from; at < to; at++) {
      const byte = byteAt(bytes, at)
      if (this.#quote !== 0) {
        if (byte === this.#quote) this.#quote = 0
        continue
      }
      if (byte === GREATER_THAN) {
        this.#mode = 'text'
        if (this.#language === 'xml' || BLOCKS.has(this.#name.toLowerCase())) reading.part(at + 1)
        return at + 1
      }
      if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) {
        this.#quote = byte
        this.#isNameOver = true
      } else if (byte === BRACKET && this.#name.startsWith('!'))
        throw unmaskable('the document declares entities of its own, which may stand for anything')
      else if (this.#isNameOver) continue
      else if (byte <= 0x20 || (byte === SLASH && this.#name !== '')) this.#isNameOver = true
      else if (byte !== SLASH && this.#name.length < MAX_NAME) this.#name += String.fromCharCode(byte)
    }
    return to
  }

  /** Behind the next such end, or up to where one may have begun. */
  #until(end: string, bytes: Buffer, at: number, to: number, isEnd: boolean): number {
    const found = bytes.subarray(at, to).indexOf(end)
    if (found >= 0) {
      this.#mode = 'text'
      return at + found + end.length
    }
    if (isEnd) return to
    let begun = Math.min(end.length - 1, to - at)
    while (begun > 0 && !end.startsWith(bytes.toString('latin1', to - begun, to))) begun--
    return to - begun
  }
}

const SECTION = '<![CDATA['
const OPENINGS = [
  ['<!--', 'comment'],
  [SECTION, 'section'],
  ['<?', 'instruction'],
] as const
/** Elements of HTML whose text stands by itself (HTML Living Standard, section 15.3); others are within a line. */
const BLOCKS: ReadonlySet<string> = new Set(
  `address article aside audio blockquote body br button canvas caption center col colgroup dd details dialog dir div dl dt fieldset
  figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe img input legend li link main menu
  meta nav noscript object ol optgroup option p pre script search section select style summary svg table tbody td template textarea
  tfoot th thead title tr ul video !doctype`.split(/\s+/),
)
const MAX_NAME = 16
const LESS_THAN = 0x3c
const GREATER_THAN = 0x3e
const SLASH = 0x2f
const BRACKET = 0x5b
const DOUBLE_QUOTE = 0x22
const SINGLE_QUOTE = 0x27
