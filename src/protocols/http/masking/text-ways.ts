import { escapeAt, MAX_ESCAPE, type Backslashes } from '../../../masking/escapes.ts'
import { isUnseen } from '../../../masking/folding.ts'
import { windows1252 } from '../../../masking/windows-1252.ts'
import type { MaskedReading } from '../../../masking/stream/masked-reading.ts'
import { characterAt } from '../../../masking/stream/utf8.ts'
import { byteAt } from '../../../wire/byte-at.ts'
import { unmaskable } from './unmaskable.ts'

/** One way to read the bytes of a text: which characters they stand for. */
export interface Way {
  /** Adds the characters of the bytes from one to another to a reading; returns up to where they could be read. `isEnd`: nothing follows. */
  read(reading: MaskedReading, bytes: Buffer, from: number, to: number, isEnd: boolean): number
}

export interface TextCoding {
  /** Every byte is a character (Windows-1252, which readers take ISO 8859-1 for); otherwise UTF-8, in which bytes that are none are taken for such characters. */
  readonly isLatin: boolean
  /** What each byte means. */
  readonly classes: Uint8Array
  /** It is within a text of JSON: a backslash and what follows it stand for one character. */
  readonly isJson: boolean
  readonly backslashes: Backslashes
  /** A line that goes on behind a backslash goes on behind the blanks of the next one. */
  readonly indents: boolean
}

/**
 * `parts`: characters that stand between two texts. `plusIsBlank`: as in forms. `stop`: one that whoever reads looks at itself. `collapses`: blanks, tabs
 * and ends of lines in a row are one blank. `unseen`: characters that mark others up. `indents`: as in YAML (section 7.3.1).
 */
export function textCoding(
  isLatin: boolean,
  {
    parts = '',
    plusIsBlank = false,
    stop = '',
    isJson = false,
    backslashes = 'any',
    collapses = false,
    unseen = '',
    indents = false,
  }: {
    parts?: string
    plusIsBlank?: boolean
    stop?: string
    isJson?: boolean
    backslashes?: Backslashes
    collapses?: boolean
    unseen?: string
    indents?: boolean
  } = {},
): TextCoding {
  const classes = Uint8Array.from({ length: 256 }, (_, code) => {
    const character = String.fromCharCode(code)
    if (parts.includes(character)) return PARTING
    if (unseen.includes(character)) return UNSEEN
    if ((plusIsBlank && character === '+') || (collapses && ' \t\n\f\r'.includes(character))) return BLANK
    if (stop === character) return STOP
    if (character === '%' || character === '&' || character === '\\') return ESCAPING
    return (code >= 0x20 && code < 0x7f) || (code >= 0x09 && code <= 0x0d) ? PLAIN : OTHER
  })
  return { isLatin, classes, isJson, backslashes, indents }
}

/** Every character as it stands. */
export class PlainWay implements Way {
  readonly #coding: TextCoding

  constructor(coding: TextCoding) {
    this.#coding = coding
  }

  read(reading: MaskedReading, bytes: Buffer, from: number, to: number, isEnd: boolean): number {
    const { classes } = this.#coding
    let at = from
    while (at < to) {
      const start = at
      while (at < to && byteAt(classes, byteAt(bytes, at)) <= ESCAPING) at++
      if (at > start) reading.addAll(start, at)
      if (at === to) break
      const next = addCharacter(reading, bytes, at, to, isEnd, this.#coding)
      if (next === undefined) return at
      at = next
    }
    return at
  }
}

/** What JSON, programs, HTML, XML, URLs and forms escape is what it stands for, and characters without width are not there. */
export class EscapedWay implements Way {
  readonly #coding: TextCoding

  constructor(coding: TextCoding) {
    this.#coding = coding
  }

  read(reading: MaskedReading, bytes: Buffer, from: number, to: number, isEnd: boolean): number {
    return readEscaped(reading, bytes, from, to, isEnd, this.#coding)
  }
}

/** Ends at a byte to stop at, or where more bytes are needed. */
export function readEscaped(
  reading: MaskedReading,
  bytes: Buffer,
  from: number,
  to: number,
  isEnd: boolean,
  coding: TextCoding,
): number {
  const { classes } = coding
  let at = from
  while (at < to) {
    const start = at
    while (at < to && classes[byteAt(bytes, at)] === PLAIN) at++
    if (at > start) reading.addAll(start, at)
    if (at === to) return at
    let next: number | undefined = at + 1
    switch (byteAt(classes, byteAt(bytes, at))) {
      case STOP:
        return at
      case PARTING:
        reading.part(at)
        reading.add(byteAt(bytes, at), at, at + 1)
        reading.part(at + 1)
        break
      case BLANK:
        if (bytes[at] === PLUS || !reading.endsWithBlank) reading.add(0x20, at, at + 1)
        break
      case UNSEEN:
        break
      case ESCAPING:
        next = addEscape(reading, bytes, at, to, isEnd, coding)
        if (next !== undefined && coding.indents && goesOn(bytes, at)) next = behindBlanks(bytes, next, to, isEnd)
        break
      default:
        next = addCharacter(reading, bytes, at, to, isEnd, coding, true)
    }
    if (next === undefined) return at
    at = next
  }
  return at
}

/** Whether the end of a line stands behind a backslash. */
const goesOn = (bytes: Buffer, at: number): boolean =>
  bytes[at] === BACKSLASH && (bytes[at + 1] === LF || bytes[at + 1] === CR)

/** Undefined while more of them may come. */
function behindBlanks(bytes: Buffer, from: number, to: number, isEnd: boolean): number | undefined {
  let at = from
  while (at < to && (bytes[at] === SPACE || bytes[at] === TAB)) at++
  return at === to && !isEnd ? undefined : at
}

/** The first byte from `from` on that the ways to read a text may differ at. */
export function firstDifference(bytes: Buffer, from: number, to: number, { classes }: TextCoding): number {
  let at = from
  while (at < to && classes[byteAt(bytes, at)] === PLAIN) at++
  return at
}

function addEscape(
  reading: MaskedReading,
  bytes: Buffer,
  at: number,
  to: number,
  isEnd: boolean,
  { isJson, backslashes }: TextCoding,
): number | undefined {
  const simple = at + 2 < to ? simplePercent(bytes, at) : undefined
  if (simple !== undefined) {
    reading.add(simple, at, at + 3)
    return at + 3
  }
  const end = endOfEscape(bytes, at, to)
  if (end > to && !isEnd) return undefined
  const text = mayEscape(bytes, at, Math.min(end, to), backslashes)
    ? bytes.toString('latin1', at, Math.min(end, to))
    : ''
  // However many zeros there are, browsers read them.
  if (text.length >= MAX_ESCAPE && ZEROS.test(text)) throw unmaskable('an escape in the answer is too long')
  const escape = escapeAt(text, backslashes)
  if (escape === undefined) {
    const length = isJson && bytes[at] === BACKSLASH ? Math.min(2, to - at) : 1
    reading.add(length === 2 ? unescaped(byteAt(bytes, at + 1)) : byteAt(bytes, at), at, at + length)
    return at + length
  }
  // What a backslash does nothing to is a character of several bytes, perhaps.
  if (bytes[at] === BACKSLASH && at + 1 < to && byteAt(bytes, at + 1) >= 0x80) return at + 1
  const behind = at + escape.length
  let from = at
  for (const character of escape.text) {
    const code = character.codePointAt(0) ?? 0
    if (isInvisible(code)) continue
    reading.add(code, from, behind)
    from = behind
  }
  return behind
}

/** Behind all that may belong to an escape; beyond `to` where more bytes are needed to tell. */
function endOfEscape(bytes: Buffer, at: number, to: number): number {
  let end = at + 1
  while (end < to && end - at < MAX_ESCAPE && WITHIN_ESCAPE[byteAt(bytes, end)] === 1) end++
  // The character that a backslash stands before, and the end of a line behind an escape of CSS.
  if (bytes[at] === BACKSLASH) return end + 2
  return end === to && end - at < MAX_ESCAPE ? end + 1 : end
}

/** Tells at once of signs that begin no escape: some texts are nothing but such signs, and to read on at each would take long. */
function mayEscape(bytes: Buffer, at: number, end: number, backslashes: Backslashes): boolean {
  if (bytes[at] !== BACKSLASH) return at + 1 === end || FOLLOWING[byteAt(bytes, at)]?.[byteAt(bytes, at + 1)] === 1
  if (backslashes !== 'any') return at + 1 < end
  let behind = at + 1
  while (behind < end && bytes[behind] === BACKSLASH) behind++
  return behind < end && FOLLOWING[BACKSLASH]?.[byteAt(bytes, behind)] === 1
}

/** What `%40` stands for, and nothing further: nearly all there is where there is much of it. */
function simplePercent(bytes: Buffer, at: number): number | undefined {
  if (bytes[at] !== PERCENT) return undefined
  const [high, low] = [byteAt(HEX, byteAt(bytes, at + 1)), byteAt(HEX, byteAt(bytes, at + 2))]
  const code = 16 * high + low
  return high > 7 || low > 15 || code === PERCENT || code === AMPERSAND || code === BACKSLASH ? undefined : code
}

/** What a backslash and this character stand for (RFC 8259, section 7). */
function unescaped(code: number): number {
  const at = 'bfnrt'.indexOf(String.fromCharCode(code))
  return at < 0 ? code : '\b\f\n\r\t'.charCodeAt(at)
}

/** Undefined while more bytes belong to it. */
function addCharacter(
  reading: MaskedReading,
  bytes: Buffer,
  at: number,
  to: number,
  isEnd: boolean,
  { isLatin }: TextCoding,
  skipsInvisible = false,
): number | undefined {
  const byte = byteAt(bytes, at)
  // Of what is text none has them, and what has them may be in an encoding of two bytes for each character.
  if (byte < 0x80) throw unmaskable('the answer contains control characters, which text does not have')
  const read = isLatin ? undefined : characterAt(bytes, at, to)
  if (read === undefined && !isLatin && !isEnd) return undefined
  const code = read === undefined || read.length === 1 ? windows1252(byte) : read.code
  const length = read?.length ?? 1
  if (!skipsInvisible || !isInvisible(code)) reading.add(code, at, at + length)
  return at + length
}

const isInvisible = (code: number): boolean => isUnseen(code)

const ZEROS = /^(?:&amp;)*&#[xX]?0{16}/
const PLAIN = 0
/** What may begin an escape. */
const ESCAPING = 1
const OTHER = 2
const PARTING = 3
const BLANK = 4
const STOP = 5
/** It marks others up, and is not shown. */
const UNSEEN = 6
const WITHIN_ESCAPE = Uint8Array.from({ length: 256 }, (_, code) =>
  /[A-Za-z0-9#;{}+&%\\]/.test(String.fromCharCode(code)) ? 1 : 0,
)
const HEX = Uint8Array.from({ length: 256 }, (_, code) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase())
  return digit < 0 ? 0xff : digit
})
const PLUS = 0x2b
const PERCENT = 0x25
const AMPERSAND = 0x26
const BACKSLASH = 0x5c
const LF = 0x0a
const CR = 0x0d
const TAB = 0x09
const SPACE = 0x20
const flagged = (pattern: RegExp): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, code) => (pattern.test(String.fromCharCode(code)) ? 1 : 0))
/** What stands behind a sign that begins an escape (`masking/escapes.ts`), and behind several backslashes. */
const FOLLOWING: Readonly<Record<number, Uint8Array>> = {
  [PERCENT]: flagged(/[0-9A-Fa-f]/),
  [AMPERSAND]: flagged(/[#A-Za-z]/),
  [BACKSLASH]: flagged(/[!-/:-@[\]-`{-~uUx0-9A-Fa-f]/),
}
