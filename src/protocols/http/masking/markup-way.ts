import type { MaskedReading } from '../../../masking/stream/masked-reading.ts'
import { byteAt } from '../../../wire/byte-at.ts'
import { checkMeta } from './charsets.ts'
import { RawText } from './raw-text.ts'
import { TagReader } from './tag-reader.ts'
import { PlainWay, readEscaped, textCoding, type TextCoding, type Way } from './text-ways.ts'
import { unmaskable } from './unmaskable.ts'

/** XHTML and SVG have the syntax of XML, and elements within a line. */
export type MarkupLanguage = 'html' | 'xhtml' | 'xml' | 'markdown'

/**
 * The text of HTML and XML without tags and comments, with character references as what they stand for: a value in parts of which some are
 * bold is one. What a tag of HTML begins on a new line or in another cell, and any tag of XML, parts texts. It is taken apart as browsers do (HTML
 * Living Standard, section 13.2.5); what they take apart in several ways is refused.
 */
export class MarkupWay implements Way {
  readonly #language: MarkupLanguage
  readonly #coding: TextCoding
  readonly #plain: PlainWay
  #mode: Mode = 'text'
  #tag = new TagReader(false)
  /** Within an element that has no elements in it. */
  #raw: RawText | undefined
  /** Elements of SVG and MathML that are open: those in them have elements in them, whatever they are called. */
  #foreign = 0
  /** Within `noscript`, which browsers without scripts read otherwise: what it has in its tags and comments, as far as its end may be in it. */
  #noscript: string | undefined
  /** Within a declaration of XML: the quote that is open. */
  #quote = 0

  constructor(language: MarkupLanguage, isLatin: boolean) {
    this.#language = language
    const unseen = language === 'markdown' ? MARKS_OF_MARKDOWN : ''
    this.#coding = textCoding(isLatin, { stop: '<', collapses: language !== 'xml', unseen })
    this.#plain = new PlainWay(textCoding(isLatin))
  }

  read(reading: MaskedReading, bytes: Buffer, from: number, to: number, isEnd: boolean): number {
    for (let at = from; ;) {
      if (at === to) return at
      const isText = this.#mode === 'text'
      const next = this.#step(reading, bytes, at, to, isEnd)
      if (next === at) return at
      if (!isText || this.#raw !== undefined) this.#checkNoscript(bytes, at, next)
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
      case 'tag': {
        const end = this.#tag.read(bytes, at, to)
        if (end !== undefined) this.#endTag(reading, end)
        return end ?? to
      }
      case 'comment':
        return this.#until(this.#isXml ? ['-->'] : ['-->', '--!>'], bytes, at, to, isEnd)
      case 'bogus':
        return this.#until(['>'], bytes, at, to, isEnd)
      case 'declaration':
        return this.#declaration(bytes, at, to)
      case 'instruction':
        return this.#until(['?>'], bytes, at, to, isEnd)
      case 'section': {
        // What it holds is text as it stands.
        const end = this.#until([']]>'], bytes, at, to, isEnd)
        const isClosed = this.#mode !== 'section'
        const read = this.#plain.read(reading, bytes, at, isClosed ? end - 3 : end, isEnd || isClosed)
        return isClosed ? end : read
      }
    }
  }

  get #isXml(): boolean {
    return this.#language === 'xml' || this.#language === 'xhtml'
  }

  /** What begins with `<`. */
  #open(reading: MaskedReading, bytes: Buffer, at: number, to: number, isEnd: boolean): number {
    const head = bytes.toString('latin1', at, Math.min(to, at + MAX_HEAD))
    if (this.#raw !== undefined) {
      const isClosed = this.#raw.endsAt(head, isEnd)
      if (isClosed === undefined) return at
      if (!isClosed) {
        reading.add(LESS_THAN, at, at + 1)
        return at + 1
      }
      this.#raw = undefined
    }
    if (!isEnd && head.length < SECTION.length && OPENINGS.some((opening) => opening.startsWith(head.toUpperCase())))
      return at
    if (head.startsWith('<!--')) return this.#openComment(head, at, isEnd)
    if (head.startsWith(SECTION)) {
      if (this.#language === 'html') throw unmaskable('the document has a CDATA section, which ends elsewhere in SVG')
      return this.#enter(this.#isXml ? 'section' : 'bogus', at + SECTION.length)
    }
    if (/^<[A-Za-z]/.test(head) || /^<\/[A-Za-z]/.test(head) || (this.#isXml && /^<\/?[^\s!?<>]/.test(head))) {
      const isEndTag = head[1] === '/'
      this.#tag = new TagReader(isEndTag)
      return this.#enter('tag', at + (isEndTag ? 2 : 1))
    }
    if (head.startsWith('<?')) return this.#enter(this.#isXml ? 'instruction' : 'bogus', at + 2)
    if (head.startsWith('<!')) return this.#enter('declaration', at + 2)
    if (head.startsWith('</')) return this.#enter('bogus', at + 2)
    reading.add(LESS_THAN, at, at + 1)
    return at + 1
  }

  #enter(mode: Mode, at: number): number {
    this.#mode = mode
    this.#quote = 0
    return at
  }

  /** `<!-->` and `<!--->` are whole in HTML. */
  #openComment(head: string, at: number, isEnd: boolean): number {
    if (this.#isXml) return this.#enter('comment', at + 4)
    if (head.startsWith('<!-->')) return at + 5
    if (head.startsWith('<!--->')) return at + 6
    if (!isEnd && (head === '<!--' || head === '<!---')) return at
    return this.#enter('comment', at + 4)
  }

  #endTag(reading: MaskedReading, at: number): void {
    this.#mode = 'text'
    const { name, isEnd, isEmpty, text } = this.#tag
    if (this.#language === 'xml' || BLOCKS.has(name)) reading.part(at)
    if (this.#isXml) return
    if (name === 'meta') checkMeta(text)
    if (name === 'noscript') this.#noscript = isEnd ? undefined : ''
    if (FOREIGN.has(name)) this.#foreign = Math.max(0, this.#foreign + (isEnd ? -1 : isEmpty ? 0 : 1))
    else if (RawText.isIn(name) && !isEnd) {
      if (this.#foreign > 0 && isEmpty) throw unmaskable(`the document has an empty <${name}/> in SVG`)
      this.#raw = new RawText(name, this.#foreign > 0)
    }
  }

  /** `<!DOCTYPE …>`, and whatever else begins so. */
  #declaration(bytes: Buffer, from: number, to: number): number {
    for (let at = from; at < to; at++) {
      const byte = byteAt(bytes, at)
      if (byte === this.#quote) this.#quote = 0
      else if (this.#quote === 0 && this.#isXml && (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE)) this.#quote = byte
      else if (this.#quote === 0 && byte === BRACKET)
        throw unmaskable('the document declares entities of its own, which may stand for anything')
      else if (this.#quote === 0 && byte === GREATER_THAN) {
        this.#mode = 'text'
        return at + 1
      }
    }
    return to
  }

  /** Behind the next such end, or up to where one may have begun. */
  #until(ends: readonly string[], bytes: Buffer, at: number, to: number, isEnd: boolean): number {
    const rest = bytes.subarray(at, to)
    let first = -1
    let length = 0
    for (const end of ends) {
      const found = rest.indexOf(end)
      if (found < 0 || (first >= 0 && found > first)) continue
      first = found
      ;({ length } = end)
    }
    if (first >= 0) {
      this.#mode = 'text'
      return at + first + length
    }
    if (isEnd) return to
    let begun = Math.min(3, to - at)
    while (begun > 0 && !ends.some((end) => end.startsWith(bytes.toString('latin1', to - begun, to)))) begun--
    return to - begun
  }

  /** Where scripts do not run, `noscript` ends at its end alone, whatever that stands in. */
  #checkNoscript(bytes: Buffer, from: number, to: number): void {
    if (this.#noscript === undefined) return
    const text = (this.#noscript + bytes.toString('latin1', from, to)).toLowerCase()
    if (text.includes('</noscript')) throw unmaskable('the document has an end of <noscript> within a tag or a comment')
    this.#noscript = text.slice(-9)
  }
}

/** `bogus`: a comment that ends at the first `>`. */
type Mode = 'text' | 'tag' | 'comment' | 'bogus' | 'declaration' | 'section' | 'instruction'

const SECTION = '<![CDATA['
const OPENINGS = ['<!--', SECTION, '<?', '</', '<!DOCTYPE']
/** Of what is looked at to tell what begins. */
const MAX_HEAD = 16
const FOREIGN: ReadonlySet<string> = new Set(['svg', 'math'])
/** Emphasis, code and strikethrough (CommonMark, section 6; GitHub Flavored Markdown). */
export const MARKS_OF_MARKDOWN = '*_`~'
/** Elements of HTML whose text stands by itself (HTML Living Standard, section 15.3); others are within a line. */
const BLOCKS: ReadonlySet<string> = new Set(
  `address article aside audio blockquote body br button canvas caption center col colgroup dd details dialog dir div dl dt fieldset
  figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe img input legend li link main menu
  meta nav noscript object ol optgroup option p pre script search section select style summary svg table tbody td template textarea
  tfoot th thead title tr ul video`.split(/\s+/),
)
const LESS_THAN = 0x3c
const GREATER_THAN = 0x3e
const BRACKET = 0x5b
const DOUBLE_QUOTE = 0x22
const SINGLE_QUOTE = 0x27
