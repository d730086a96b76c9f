import { HeldBytes } from '../../../masking/stream/held-bytes.ts'
import { byteAt } from '../../../wire/byte-at.ts'
import type { AnswerMasker } from './masker.ts'
import { unmaskable } from './unmaskable.ts'
import {
  ARRAY,
  ARRAY_END,
  BACKSLASH,
  COLON,
  COMMA,
  OBJECT,
  OBJECT_END,
  QUOTE,
  isBlank,
} from '../json/json-characters.ts'

/**
 * What is shown of the tokens of a stream of JSON: of the bytes from `start` to `end`. Each gives what stands in their place, or undefined: they are
 * shown as they came.
 */
export interface JsonView {
  /** A name of a member, in its quotes. `isPlain`: it is ASCII, and nothing in it is escaped. What it gives stands for the name alone. */
  name(bytes: Buffer, start: number, end: number, isPlain: boolean): Buffer | undefined
  string(bytes: Buffer, start: number, end: number, isPlain: boolean): Buffer | undefined
  number(bytes: Buffer, start: number, end: number): Buffer | undefined
  /** `true`, `false`, `null`. */
  word(bytes: Buffer, start: number, end: number): Buffer | undefined
  /**
   * A text that is too long to be looked at as a whole begins: what masks all that stands between its quotes as it comes, or what stands in its place.
   */
  long(): AnswerMasker | Buffer
  /** An object or an array begins. What it gives stands for the whole of it, of which nothing more is told. */
  open(isObject: boolean): Buffer | undefined
  close(): void
}

/**
 * Reads documents of JSON (RFC 8259), one or several behind each other (NDJSON, RFC 7464), as they come, and passes on what a view shows of their
 * tokens; all else stays byte for byte. What is not JSON is refused where that shows. Memory is bounded: a long text is masked as it comes.
 */
export class JsonTokens {
  readonly #view: JsonView
  readonly #held = new HeldBytes()
  /** The containers that are open: whether each is an object. */
  readonly #open: boolean[] = []
  #expected: Expected = VALUE
  /** How much of the token that the held bytes begin with has been looked at, and whether all of that is ASCII without escapes. */
  #looked = 0
  #isPlain = true
  /** How many containers were open when one began that is not shown. */
  #hidden: number | undefined
  #isFirst = true
  /** Within a long text: the last byte of it was the beginning of an escape. */
  #isAfterBackslash = false
  /** Within a long text: what masks it; undefined where it is not shown. */
  #long: { readonly masker: AnswerMasker | undefined } | undefined

  constructor(view: JsonView) {
    this.#view = view
  }

  push(chunk: Buffer): Buffer {
    this.#held.append(chunk)
    return this.#read(false)
  }

  /** Throws where the last document is not whole. */
  end(): Buffer {
    const out = this.#read(true)
    if (this.#open.length > 0 || this.#held.length > 0 || this.#long !== undefined) throw notJson()
    return out
  }

  #read(isEnd: boolean): Buffer {
    const { bytes, length } = this.#held
    const out: Buffer[] = []
    /** From where on bytes are to be passed on. */
    let from = 0
    let at = 0
    if (this.#isFirst) {
      // Some put a byte order mark in front, and readers leave it out.
      const isMark = MARK.subarray(0, length).equals(bytes.subarray(0, Math.min(length, MARK.length)))
      if (isMark && length < MARK.length && !isEnd) return NOTHING
      this.#isFirst = false
      if (isMark && length >= MARK.length) at = MARK.length
    }
    const show = (start: number, end: number, shown: Buffer | undefined): void => {
      if (shown === undefined || this.#hidden !== undefined) return
      out.push(bytes.subarray(from, start), shown)
      from = end
    }
    while (at < length) {
      if (this.#long !== undefined) {
        from = this.#goOn(at, out)
        at = from
        continue
      }
      const byte = byteAt(bytes, at)
      if (isBlank(byte)) {
        at++
        continue
      }
      if (byte === QUOTE) {
        const end = this.#endOfString(at)
        if (end === undefined && this.#looked <= MAX_WHOLE) break
        if (end === undefined || end - at > MAX_WHOLE) {
          if (this.#hidden === undefined) out.push(bytes.subarray(from, at))
          this.#beginLong(out)
          from = at + 1
        } else this.#string(at, end, show)
        at = end !== undefined && end - at <= MAX_WHOLE ? end : at + 1
        continue
      }
      switch (byte) {
        case COLON:
          this.#take(AFTER_NAME, VALUE)
          break
        case COMMA:
          this.#take(AFTER_VALUE, this.#open.at(-1) === true ? NAME : VALUE)
          break
        case OBJECT:
        case ARRAY: {
          this.#begin(VALUE | FIRST_VALUE)
          if (this.#hidden === undefined) {
            const shown = this.#view.open(byte === OBJECT)
            show(at, at, shown)
            if (shown !== undefined) this.#hidden = this.#open.length
          }
          this.#open.push(byte === OBJECT)
          if (this.#open.length > MAX_DEPTH) throw unmaskable('the answer is nested too deeply to be read')
          this.#expected = byte === OBJECT ? FIRST_NAME : FIRST_VALUE
          break
        }
        case OBJECT_END:
        case ARRAY_END:
          this.#close(byte === OBJECT_END)
          if (this.#hidden === undefined) this.#view.close()
          else if (this.#hidden === this.#open.length) {
            this.#hidden = undefined
            from = at + 1
          }
          break
        case SEPARATOR:
          // In front of each document of a sequence (RFC 7464).
          if (this.#open.length > 0) throw notJson()
          break
        default: {
          const end = this.#endOfLiteral(at, isEnd)
          if (end === undefined) return this.#pass(out, from, at)
          this.#literal(at, end, show)
          at = end
          continue
        }
      }
      at++
    }
    return this.#pass(out, from, at)
  }

  /** What stands before `at` goes out, or is not shown; the rest waits for more. */
  #pass(out: Buffer[], from: number, at: number): Buffer {
    if (this.#hidden === undefined && at > from) out.push(this.#held.bytes.subarray(from, at))
    // What goes out is given away, and the bytes are kept for the next.
    const passed = out.length === 0 ? NOTHING : Buffer.concat(out)
    this.#held.drop(at)
    return passed
  }

  #string(at: number, end: number, show: Show): void {
    const isName = (this.#expected & (NAME | FIRST_NAME)) !== 0
    if (isName) this.#expected = AFTER_NAME
    else this.#value()
    if (this.#hidden !== undefined) return
    const { bytes } = this.#held
    const view = this.#view
    show(at, end, isName ? view.name(bytes, at, end, this.#isPlain) : view.string(bytes, at, end, this.#isPlain))
  }

  #beginLong(out: Buffer[]): void {
    this.#looked = 0
    if ((this.#expected & (NAME | FIRST_NAME)) !== 0) throw unmaskable('a name in the answer is too long')
    this.#value()
    const shown = this.#hidden === undefined ? this.#view.long() : NOTHING
    if (!Buffer.isBuffer(shown)) out.push(ONE_QUOTE)
    else if (this.#hidden === undefined) out.push(shown)
    this.#long = { masker: Buffer.isBuffer(shown) ? undefined : shown }
  }

  /** What has come of a long text goes out, masked. Returns where it ends, or where the bytes do. */
  #goOn(at: number, out: Buffer[]): number {
    const { bytes, length } = this.#held
    const masker = this.#long?.masker
    const [end, isComplete] = this.#endOfLong(at)
    if (masker !== undefined) {
      out.push(masker.mask(bytes.subarray(at, end)))
      if (isComplete) out.push(masker.end(), ONE_QUOTE)
    }
    if (!isComplete) return length
    this.#long = undefined
    this.#isAfterBackslash = false
    return end + 1
  }

  #endOfLong(from: number): readonly [end: number, isComplete: boolean] {
    const { bytes, length } = this.#held
    for (let at = from; at < length; at++) {
      const byte = byteAt(bytes, at)
      if (byte < 0x20) throw notJson()
      if (this.#isAfterBackslash) this.#isAfterBackslash = false
      else if (byte === QUOTE) return [at, true]
      else this.#isAfterBackslash = byte === BACKSLASH
    }
    return [length, false]
  }

  #literal(at: number, end: number, show: Show): void {
    this.#value()
    const { bytes } = this.#held
    const isWord = byteAt(bytes, at) >= 0x61
    if (isWord ? !WORDS.has(bytes.toString('latin1', at, end)) : !isNumber(bytes, at, end)) throw notJson()
    if (this.#hidden !== undefined) return
    show(at, end, isWord ? this.#view.word(bytes, at, end) : this.#view.number(bytes, at, end))
  }

  /** Behind the closing quote; undefined while that has not come. */
  #endOfString(start: number): number | undefined {
    const { bytes, length } = this.#held
    if (this.#looked === 0) this.#isPlain = true
    let at = start + Math.max(1, this.#looked)
    while (at < length) {
      const byte = byteAt(bytes, at)
      if (byte === QUOTE) {
        this.#looked = 0
        return at + 1
      }
      if (byte < 0x20) throw notJson()
      if (byte >= 0x80) this.#isPlain = false
      else if (byte === BACKSLASH) {
        this.#isPlain = false
        if (at + 1 === length) break
        at++
      }
      at++
    }
    this.#looked = at - start
    return undefined
  }

  /** Of a number, `true`, `false` or `null`. */
  #endOfLiteral(start: number, isEnd: boolean): number | undefined {
    const { bytes, length } = this.#held
    let at = start + this.#looked
    while (at < length && LITERAL[byteAt(bytes, at)] === 1) at++
    if (at === start || at - start > MAX_LITERAL) throw notJson()
    this.#looked = at < length || isEnd ? 0 : at - start
    return this.#looked === 0 ? at : undefined
  }

  #value(): void {
    this.#begin(VALUE | FIRST_VALUE)
    this.#expected = this.#afterValue()
  }

  #begin(expected: Expected): void {
    if ((this.#expected & expected) === 0) throw notJson()
  }

  #take(expected: Expected, next: Expected): void {
    this.#begin(expected)
    this.#expected = next
  }

  #close(isObject: boolean): void {
    this.#begin(AFTER_VALUE | (isObject ? FIRST_NAME : FIRST_VALUE))
    if (this.#open.pop() !== isObject) throw notJson()
    this.#expected = this.#afterValue()
  }

  #afterValue(): Expected {
    return this.#open.length === 0 ? VALUE : AFTER_VALUE
  }
}

type Show = (start: number, end: number, shown: Buffer | undefined) => void

/** What may come next; several are added up. */
type Expected = number
const VALUE = 1
const FIRST_VALUE = 2
const NAME = 4
const FIRST_NAME = 8
const AFTER_NAME = 16
const AFTER_VALUE = 32

const notJson = (): Error => unmaskable('the answer is not JSON, as it says')

function isNumber(bytes: Buffer, start: number, end: number): boolean {
  // Nearly all of them are a few digits.
  let at = start
  while (at < end && byteAt(bytes, at) >= 0x30 && byteAt(bytes, at) <= 0x39) at++
  if (at === end && bytes[start] !== 0x30) return true
  return NUMBER.test(bytes.toString('latin1', start, end))
}

const WORDS: ReadonlySet<string> = new Set(['true', 'false', 'null'])
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const LITERAL = Uint8Array.from({ length: 256 }, (_, code) =>
  /[\w.+-]/.test(String.fromCharCode(code)) && code < 0x80 ? 1 : 0,
)
const MARK = Buffer.from([0xef, 0xbb, 0xbf])
const NOTHING = Buffer.alloc(0)
const MAX_DEPTH = 1024
/** Of a text that is looked at as a whole. */
const MAX_WHOLE = 16 * 1024
const ONE_QUOTE = Buffer.from('"')
const MAX_LITERAL = 4096
const SEPARATOR = 0x1e
