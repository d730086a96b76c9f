import type { Backslashes } from '../../../masking/escapes.ts'
import type { KindSearch } from '../../../masking/hidden-text.ts'
import { applyEdits, type Edit } from '../../../masking/stream/edits.ts'
import { HeldBytes } from '../../../masking/stream/held-bytes.ts'
import { MaskedReading } from '../../../masking/stream/masked-reading.ts'
import type { AnswerMasker } from './masker.ts'
import { Prologue } from './charsets.ts'
import { MARKS_OF_MARKDOWN, MarkupWay, type MarkupLanguage } from './markup-way.ts'
import { unmaskable } from './unmaskable.ts'
import { EscapedWay, firstDifference, PlainWay, textCoding, type TextCoding, type Way } from './text-ways.ts'

export interface TextOptions {
  /**
   * HTML, XML and Markdown have tags, which may stand within a value; forms (`application/x-www-form-urlencoded`) and URLs have parts. `json`: what stands in
   * the quotes of a text. `script`: programs.
   */
  readonly format?: MarkupLanguage | 'form' | 'url' | 'json' | 'css' | 'script' | 'yaml'
  /** ISO 8859-1 or Windows-1252. */
  readonly isLatin?: boolean
}

/**
 * Hides values of kinds in a text as it comes. It is read in several ways at once: as it stands, with what its escapes stand for, with those of its format,
 * and of HTML and XML what is between the tags; what is a value in one of them is hidden. What may be the beginning of a value is held back
 * until its end is there, or the text's. Memory is bounded by the longest value of a kind.
 */
export class TextMasker implements AnswerMasker {
  readonly changes = true
  readonly isLive = false
  readonly #held = new HeldBytes()
  readonly #plain: Lane
  /** From the first byte on that they take otherwise. */
  #others: readonly Lane[] | undefined
  readonly #makeOthers: () => readonly Way[]
  readonly #coding: TextCoding
  readonly #prologue = new Prologue()
  /** What backslashes mean in its format, or in parts of it; from the first of them on. */
  #backslashes: readonly TextCoding[]

  constructor({ kinds, keys }: KindSearch, { format, isLatin = false }: TextOptions = {}) {
    const spell = format === 'form' || format === 'url' ? (stand: string) => encodeURI(harmless(stand)) : harmless
    const reading = new MaskedReading({ kinds, keys, keepWidth: false, spell }, this.#held)
    this.#backslashes = (BACKSLASHES[format ?? ''] ?? []).map((backslashes) =>
      textCoding(isLatin, { backslashes, collapses: format === 'yaml', indents: format === 'yaml' }),
    )
    if (format === 'form' || format === 'url' || format === 'json') {
      // There is one way to read it, in which its parts can be told apart.
      this.#coding = textCoding(isLatin, CODINGS[format])
      this.#plain = new Lane(new EscapedWay(this.#coding), reading, 0)
      this.#others = []
    } else {
      this.#coding = textCoding(isLatin, {
        stop: '<',
        collapses: format === 'html' || format === 'markdown' || format === 'yaml',
        unseen: format === 'markdown' ? MARKS_OF_MARKDOWN : '',
      })
      this.#plain = new Lane(new PlainWay(textCoding(isLatin)), reading, 0)
    }
    this.#makeOthers = () => [
      new EscapedWay(textCoding(isLatin)),
      ...(isMarkup(format) ? [new MarkupWay(format, isLatin)] : []),
      // Tags that stand in code are none.
      ...(format === 'markdown'
        ? [new EscapedWay(textCoding(isLatin, { collapses: true, unseen: MARKS_OF_MARKDOWN }))]
        : []),
      // A line goes on in the next.
      ...(format === 'yaml' ? [new EscapedWay(textCoding(isLatin, { collapses: true }))] : []),
    ]
  }

  mask(chunk: Buffer): Buffer {
    this.#prologue.look(chunk)
    this.#held.append(chunk)
    this.#read(false)
    const limit = Math.min(...this.#lanes().map((lane) => lane.safeUntil()))
    // A value has an end, but what is not seen may stand in it without one.
    if (this.#held.length - limit > MAX_HELD_BYTES)
      throw unmaskable('the answer goes on for more than 4 MiB within what may be one value')
    return this.#emit(limit, false)
  }

  end(): Buffer {
    this.#read(true)
    return this.#emit(this.#held.length, true)
  }

  #lanes(): readonly Lane[] {
    return this.#others === undefined ? [this.#plain] : [this.#plain, ...this.#others]
  }

  #read(isEnd: boolean): void {
    const { bytes, length } = this.#held
    if (this.#others === undefined) {
      const at = firstDifference(bytes, this.#plain.at, length, this.#coding)
      this.#plain.read(bytes, at, isEnd && at === length)
      if (at < length) this.#others = this.#makeOthers().map((way) => this.#plain.as(way))
    }
    const [escaped] = this.#others ?? []
    if (this.#backslashes.length > 0 && escaped !== undefined && this.#others !== undefined) {
      const at = bytes.subarray(escaped.at, length).indexOf(BACKSLASH)
      if (at >= 0) {
        this.#others = [...this.#others, ...this.#backslashes.map((coding) => escaped.as(new EscapedWay(coding)))]
        this.#backslashes = []
      }
    }
    for (const lane of this.#lanes()) lane.read(bytes, length, isEnd)
  }

  /** Bytes up to `limit` go out. */
  #emit(limit: number, isFlush: boolean): Buffer {
    if (limit === 0) return NOTHING
    const edits: Edit[] = []
    const lanes = this.#lanes()
    for (const lane of lanes) lane.release(limit, isFlush, lanes.length === 1, edits)
    // What goes out is given away: it is written later.
    const out = applyEdits(this.#held.bytes.subarray(0, limit), edits)
    this.#held.drop(limit)
    return out
  }
}

/** A text that is there as a whole, such as the value of a header, in Latin-1 as Node has those. */
export function maskText(text: string, search: KindSearch, isUrl: boolean): string {
  const masker = new TextMasker(search, isUrl ? { format: 'url', isLatin: true } : { isLatin: true })
  return Buffer.concat([masker.mask(Buffer.from(text, 'latin1')), masker.end()]).toString('latin1')
}

/** One way to read the text, and what was found in it. */
class Lane {
  readonly #way: Way
  readonly #reading: MaskedReading
  /** Bytes that are held and have been read. */
  at: number

  constructor(way: Way, reading: MaskedReading, at: number) {
    this.#way = way
    this.#reading = reading
    this.at = at
  }

  /** Another that has read the same so far, and goes on in another way. */
  as(way: Way): Lane {
    return new Lane(way, this.#reading.copy(), this.at)
  }

  read(bytes: Buffer, to: number, isEnd: boolean): void {
    this.at = this.#way.read(this.#reading, bytes, this.at, to, isEnd)
  }

  safeUntil(): number {
    return this.#reading.safeUntil(this.at)
  }

  release(limit: number, isFlush: boolean, isAlone: boolean, edits: Edit[]): void {
    this.#reading.release(limit, isFlush, isAlone, edits)
    this.at = Math.max(0, this.at - limit)
  }
}

/** A text may be of any format, and what stands in place of a value means nothing in any of them. */
const harmless = (stand: string): string => stand.replaceAll(/[^\w@.*+:/ -]/g, '*')

const isMarkup = (format: TextOptions['format']): format is MarkupLanguage =>
  format === 'html' || format === 'xhtml' || format === 'xml' || format === 'markdown'

/** HTML has scripts and style sheets in it. */
const BACKSLASHES: Readonly<Record<string, readonly Backslashes[]>> = {
  html: ['string', 'css'],
  xhtml: ['string', 'css'],
  css: ['css'],
  script: ['string'],
  yaml: ['string'],
}
const BACKSLASH = 0x5c
const CODINGS = {
  form: { parts: '&=', plusIsBlank: true },
  url: { parts: '/?&=#' },
  json: { isJson: true },
} as const
/** No text holds as much that is not seen within one value. */
const MAX_HELD_BYTES = 4_194_304
const NOTHING = Buffer.alloc(0)
