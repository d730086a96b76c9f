import type { MaskedKind } from '../plan.ts'
import { findKinds, standIn, type HashKeys, type HiddenSpan } from '../replace.ts'
import { createTails, MAX_CUSTOM_LENGTH, type Tail } from './value-tails.ts'

/** Bytes that have come and have not gone out. */
export class HeldBytes {
  bytes: Buffer = Buffer.alloc(0)
  /** How much of them is used; the rest is room. */
  length = 0

  append(more: Buffer): void {
    const length = this.length + more.length
    if (length > this.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.length))
      this.bytes.copy(grown, 0, 0, this.length)
      this.bytes = grown
    }
    more.copy(this.bytes, this.length)
    this.length = length
  }

  /** The first of them have gone out. */
  drop(count: number): void {
    this.bytes.copyWithin(0, count, this.length)
    this.length -= count
  }
}

/** Bytes that do not go out as they are: `put` stands in their place. */
export interface Edit {
  readonly from: number
  readonly to: number
  readonly put: Buffer | undefined
}

export interface ReadingOptions {
  readonly kinds: readonly MaskedKind[]
  readonly keys: HashKeys
  /** A screen is drawn by columns: what is hidden keeps its width, a star for each character. */
  readonly keepWidth: boolean
  /** How what stands in place of a value is written here; default: as it is. */
  readonly spell?: (stand: string) => string
}

/**
 * One way to read a stream of bytes as text: the characters that it shows, and where their bytes are. Finds values in it, and
 * how much of it may be the beginning of one. Every character is looked at a bounded number of times, however few come at once.
 */
export class MaskedReading {
  readonly #options: ReadingOptions
  readonly #held: HeldBytes
  /** The characters are the first bytes that are held, all of them ASCII: nearly always. They are kept nowhere else then. */
  #isBytes = true
  #codes = new Uint16Array(256)
  /** Offsets of the first byte of each character, and after its last; the second unit of a pair has no bytes of its own. */
  #starts = new Uint32Array(256)
  #ends = new Uint32Array(256)
  #length = 0
  /** All of them are ASCII. */
  #isNarrow = true
  /** How many characters `#tails` know. */
  #followed = 0
  #tails: readonly Tail[]
  /** Where a sequence repeats a character, and how often. */
  #repeats = new Map<number, number>()
  /** The end of what has gone out, as it was before it was masked. */
  #context = ''
  /** Nothing in it is beyond ASCII. */
  #isContextNarrow = true
  /** Within a private key whose end has not come: how many characters of it were hidden. */
  #keyLength: number | undefined
  /** Within a token that was hidden before it was whole. */
  #isInToken = false
  /** Within a value of a user-defined kind whose beginning was hidden before its end had come. */
  #custom: MaskedKind | undefined
  /** How many characters of what went out unfinished a value may have begun in. */
  readonly #lookBack: number
  /** The first characters that are held belong to a value whose beginning was hidden. */
  #hiddenAhead = 0

  constructor(options: ReadingOptions, held: HeldBytes) {
    this.#options = options
    this.#held = held
    this.#tails = createTails(options.kinds)
    const hasCustom = options.kinds.some(({ kind }) => typeof kind !== 'string')
    this.#lookBack = hasCustom ? Math.max(CONTEXT, MAX_CUSTOM_LENGTH + LOOK_BEHIND) : CONTEXT
  }

  /** Another that has read the same so far. */
  copy(): MaskedReading {
    const copy = new MaskedReading(this.#options, this.#held)
    copy.#isBytes = this.#isBytes
    copy.#codes = this.#codes.slice()
    copy.#starts = this.#starts.slice()
    copy.#ends = this.#ends.slice()
    copy.#length = this.#length
    copy.#isNarrow = this.#isNarrow
    copy.#followed = this.#followed
    copy.#repeats = new Map(this.#repeats)
    copy.#tails = this.#tails.map((tail) => tail.copy())
    copy.#context = this.#context
    copy.#isContextNarrow = this.#isContextNarrow
    copy.#keyLength = this.#keyLength
    copy.#isInToken = this.#isInToken
    copy.#custom = this.#custom
    copy.#hiddenAhead = this.#hiddenAhead
    return copy
  }

  add(given: number, from: number, to: number): void {
    const code = given < 0xa0 ? given : looksLike(given)
    if (code > 0xffff) {
      this.#addUnit(0xd800 + ((code - 0x10000) >> 10), from, to)
      this.#addUnit(0xdc00 + ((code - 0x10000) & 0x3ff), to, to)
    } else this.#addUnit(code, from, to)
  }

  /** The last character so many times again: the bytes are those of the final of the sequence that says so. */
  repeat(count: number, from: number, to: number): void {
    const last = this.#codeAt(this.#length - 1)
    if (Number.isNaN(last) || last < 0x20 || (last >= 0xd800 && last <= 0xdfff)) return
    this.#leaveBytes()
    this.#repeats.set(this.#length, count)
    this.#addUnit(last, from, to)
    for (let index = 1; index < Math.min(count, MAX_REPEATED); index++) this.#addUnit(last, to, to)
  }

  /** Plain ASCII: the bytes that are held from one to another. */
  addAll(from: number, to: number): void {
    if (this.#isBytes && from === this.#length) {
      this.#length = to
      return
    }
    this.#leaveBytes()
    const length = this.#length + to - from
    this.#grow(length)
    this.#codes.set(this.#held.bytes.subarray(from, to), this.#length)
    const offsets = offsetsUpTo(to)
    this.#starts.set(offsets.subarray(from, to), this.#length)
    this.#ends.set(offsets.subarray(from + 1, to + 1), this.#length)
    this.#length = length
  }

  /** What comes next stands elsewhere: it does not continue what came before. */
  part(at: number): void {
    this.#addUnit(APART, at, at)
  }

  /** The byte up to which everything may go out, as far as this reading is concerned; `end` is where the bytes end. */
  safeUntil(end: number): number {
    const at = this.#safe().length
    return at < this.#length ? this.#startOf(at) : end
  }

  /**
   * What to change in the bytes before `limit`, which go out. On a flush what is surely the beginning of a secret is hidden.
   * `isAlone`: no other reading changes anything.
   */
  release(limit: number, isFlush: boolean, isAlone: boolean, edits: Edit[]): void {
    const safe = this.#safe()
    let length = 0
    if (isFlush || this.#length === 0 || this.#startOf(this.#length - 1) < limit) length = this.#length
    else length = this.#unitAt(limit)
    const context = this.#context.length
    if (length > 0) this.#hide(length, isFlush, isAlone, edits)
    this.#drop(length, limit)
    // Where nothing runs over this border, what comes is told from what went by its last characters.
    const isClean = !isFlush && length === safe.length && !safe.isCut
    if (length === 0 && context <= LOOK_BEHIND) return
    const kept = this.#keyLength !== undefined ? MAX_KEY_END_LENGTH : isClean ? LOOK_BEHIND : this.#lookBack
    this.#context = this.#context.slice(-kept)
    this.#isContextNarrow ||= Buffer.byteLength(this.#context) === this.#context.length
  }

  #hide(length: number, isFlush: boolean, isAlone: boolean, edits: Edit[]): void {
    const context = this.#context
    const bytes = this.#isBytes && this.#isContextNarrow ? this.#joinedBytes() : undefined
    const joined = bytes === undefined ? context + this.#text() : bytes.toString('latin1')
    let hiddenUntil = Math.min(this.#hiddenAhead, length)
    const atOnce = isAlone && this.#isBytes
    this.#edit(0, hiddenUntil, undefined, atOnce, edits)
    this.#hiddenAhead -= hiddenUntil
    for (const { start, end, masked } of this.#spansOf(joined, bytes, context.length + length, isFlush)) {
      const from = Math.max(start - context.length, hiddenUntil)
      const to = Math.min(end - context.length, length)
      this.#hiddenAhead = Math.max(this.#hiddenAhead, end - context.length - length)
      if (to <= from) continue
      // Of a value that began before, the stand-in has gone out; a star for each character keeps the screen.
      const isNew = from === start - context.length && !this.#options.keepWidth
      const stand = isNew ? this.#standIn(joined.slice(start, end), masked) : undefined
      this.#edit(from, to, stand, atOnce, edits)
      hiddenUntil = to
    }
    this.#context = joined.slice(0, context.length + length)
    this.#isContextNarrow &&= this.#isNarrow
  }

  #standIn(value: string, masked: MaskedKind): string {
    const { keys, spell } = this.#options
    const stand = standIn(value, masked, keys)
    return spell === undefined ? stand : spell(stand)
  }

  /** The characters from one to another are not shown; `stand` is, in the place of the first. */
  #edit(from: number, to: number, stand: string | undefined, atOnce: boolean, edits: Edit[]): void {
    if (atOnce) return this.#editAtOnce(from, to, stand, edits)
    for (let index = from; index < to; index++) {
      const begin = this.#startOf(index)
      const end = this.#isBytes ? index + 1 : (this.#ends[index] as number)
      const repeated = this.#repeatAt(index)
      if (repeated !== undefined) {
        // The sequence is cancelled, and with it all that it would have shown.
        const shown = this.#options.keepWidth ? '*'.repeat(Math.min(repeated.count, MAX_COLUMNS)) : ''
        edits.push({ ...repeated, put: Buffer.from(`\x18${index === from ? (stand ?? shown) : shown}`) })
      } else if (stand !== undefined && index === from) edits.push({ from: begin, to: end, put: Buffer.from(stand) })
      else if (end > begin) {
        if (!this.#options.keepWidth) edits.push({ from: begin, to: end, put: undefined })
        // On a screen a line stays a line.
        else if (!LAYOUT.has(this.#codeAt(index))) edits.push({ from: begin, to: end, put: ONE_STAR })
      }
    }
  }

  /** The same in one piece, where the characters are the bytes that are held. */
  #editAtOnce(from: number, to: number, stand: string | undefined, edits: Edit[]): void {
    if (from === to) return
    if (stand !== undefined) edits.push({ from, to, put: Buffer.from(stand) })
    else if (!this.#options.keepWidth) edits.push({ from, to, put: undefined })
    else {
      const put = Buffer.from(this.#held.bytes.subarray(from, to))
      for (let index = 0; index < put.length; index++) if (!LAYOUT.has(put[index] as number)) put[index] = STAR
      edits.push({ from, to, put })
    }
  }

  /** Repeated characters but the first have no bytes: the sequence is where that is. */
  #repeatAt(index: number): { from: number; to: number; count: number } | undefined {
    if (this.#repeats.size === 0) return undefined
    let first = index
    const least = Math.max(0, index - MAX_REPEATED)
    while (first > least && !this.#repeats.has(first) && this.#starts[first] === this.#ends[first]) first--
    const count = this.#repeats.get(first)
    if (count === undefined) return undefined
    return { from: this.#starts[first] as number, to: this.#ends[first] as number, count }
  }

  /** Of the characters: only where there are none beyond ASCII. */
  #joinedBytes(): Buffer {
    const before = this.#context.length
    const length = before + this.#length
    const bytes = length <= SCRATCH.length ? SCRATCH : Buffer.allocUnsafeSlow(length)
    bytes.write(this.#context, 'latin1')
    this.#held.bytes.copy(bytes, before, 0, this.#length)
    return bytes.subarray(0, length)
  }

  #text(): string {
    return this.#isBytes
      ? this.#held.bytes.toString('latin1', 0, this.#length)
      : decodeUnits(this.#codes.subarray(0, this.#length), this.#isNarrow)
  }

  #spansOf(joined: string, bytes: Buffer | undefined, length: number, isFlush: boolean): HiddenSpan[] {
    const { kinds } = this.#options
    const known = isFlush && length < joined.length ? joined.slice(0, length) : joined
    const found = findKinds(known, kinds, known === joined ? bytes : undefined)
    const spans = found.length === 0 ? found : found.filter(({ start }) => start < length)
    const key = kinds.find(({ kind }) => kind === 'private-key')
    if (key !== undefined) this.#followKey(joined, length, spans, key)
    const token = kinds.find(({ kind }) => kind === 'jwt')
    if (token !== undefined && this.#isInToken) this.#followToken(joined, length, spans, token)
    this.#followCustom(joined, length, spans)
    if (isFlush)
      for (const masked of kinds) {
        const begun = typeof masked.kind === 'string' ? BEGUN[masked.kind]?.exec(joined.slice(0, length)) : undefined
        if (begun == null) continue
        spans.push({ start: begun.index, end: length, masked })
        if (masked === token) this.#isInToken = true
      }
    return spans.length === 0 ? spans : spans.toSorted((one, other) => one.start - other.start)
  }

  /** A private key is longer than what is looked back at: its beginning is remembered until its end has come. */
  #followKey(joined: string, length: number, spans: HiddenSpan[], masked: MaskedKind): void {
    const fresh = this.#context.length
    if (this.#keyLength !== undefined) {
      // Its end may have begun in what has gone out.
      const from = fresh - Math.min(fresh, this.#keyLength, MAX_KEY_END_LENGTH)
      const ending = KEY_END.exec(joined.slice(from, length))
      const end = ending === null ? length : from + ending.index + ending[0].length
      this.#keyLength += Math.max(0, end - fresh)
      const over = this.#keyLength > MAX_KEY_LENGTH
      for (let index = spans.length - 1; index >= 0; index--)
        if ((spans[index] as HiddenSpan).start < end) spans.splice(index, 1)
      spans.unshift({ start: Math.max(0, fresh - 1), end, masked })
      if (ending === null && !over) return
      this.#keyLength = undefined
    }
    const begin = lastBegin(joined)
    if (begin === undefined || KEY_END.test(joined.slice(begin)) || begin >= length) return
    for (let index = spans.length - 1; index >= 0; index--)
      if ((spans[index] as HiddenSpan).start >= begin) spans.splice(index, 1)
    spans.push({ start: begin, end: joined.length, masked })
    this.#keyLength = length - begin
  }

  /** So is a token: whatever may belong to it is hidden. */
  #followToken(joined: string, length: number, spans: HiddenSpan[], masked: MaskedKind): void {
    const fresh = this.#context.length
    let end = fresh
    while (end < length && TOKEN.test(joined[end] as string)) end++
    if (end < length) this.#isInToken = false
    if (end > fresh) spans.push({ start: Math.max(0, fresh - 1), end, masked })
  }

  /**
   * A value of a user-defined kind that reaches to the end of what is known may go on, and its beginning may be too far back to
   * find it again: what follows is hidden up to a blank.
   */
  #followCustom(joined: string, length: number, spans: HiddenSpan[]): void {
    const fresh = this.#context.length
    if (this.#custom !== undefined) {
      let end = fresh
      while (end < joined.length && !BLANK.test(joined[end] as string)) end++
      if (end > fresh) spans.push({ start: Math.max(0, fresh - 1), end, masked: this.#custom })
      if (end < length) this.#custom = undefined
    }
    const last = spans.findLast(({ masked }) => typeof masked.kind !== 'string')
    if (last !== undefined && last.end === joined.length && last.end - last.start >= MAX_CUSTOM_LENGTH)
      this.#custom = last.masked
  }

  /** How many characters can go out now: behind them stands what may be the beginning of a value. */
  #safe(): { readonly length: number; readonly isCut: boolean } {
    const end = this.#length
    if (this.#followed < end) {
      const at = (index: number): number => this.#codeAt(index)
      for (const tail of this.#tails) tail.follow(at, this.#followed, end)
      this.#followed = end
    }
    // All of a private key is hidden; what stands behind its end may be the beginning of another value.
    if (this.#keyLength !== undefined && !this.#hasKeyEnd()) return { length: end, isCut: false }
    let length = end
    let isCut = false
    for (const tail of this.#tails) {
      if (tail.start === undefined || (tail.isToken && this.#isInToken)) continue
      const start = Math.max(0, tail.start)
      // Of what is too long a good part goes at once: each time all that is held is looked at.
      const isTooLong = end - start > 2 * tail.longest
      if (isTooLong || tail.start < 0) isCut = true
      length = Math.min(length, isTooLong ? end - tail.longest : start)
    }
    return { length, isCut }
  }

  /** The end may have begun in what has gone out. */
  #hasKeyEnd(): boolean {
    return KEY_END.test(this.#context.slice(-MAX_KEY_END_LENGTH) + this.#text())
  }

  /** Negative indices are of what has gone out. NaN where there is none. */
  #codeAt(index: number): number {
    if (index < 0) return this.#context.charCodeAt(this.#context.length + index)
    return (this.#isBytes ? this.#held.bytes[index] : this.#codes[index]) as number
  }

  #startOf(index: number): number {
    return this.#isBytes ? index : (this.#starts[index] as number)
  }

  /** The characters are kept by themselves from here on. */
  #leaveBytes(): void {
    if (!this.#isBytes) return
    this.#isBytes = false
    const length = this.#length
    this.#length = 0
    this.addAll(0, length)
  }

  /** The first character whose bytes are not before `limit`. */
  #unitAt(limit: number): number {
    if (this.#isBytes) return Math.min(limit, this.#length)
    let [low, high] = [0, this.#length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#starts[middle] as number) < limit) low = middle + 1
      else high = middle
    }
    return low
  }

  /** So many characters are out, and the bytes before `limit`. */
  #drop(length: number, limit: number): void {
    const rest = this.#length - length
    if (this.#isBytes) {
      for (const tail of this.#tails) tail.shift(length)
      this.#followed -= length
      this.#length = rest
      return
    }
    this.#codes.copyWithin(0, length, this.#length)
    for (let index = 0; index < rest; index++) {
      this.#starts[index] = (this.#starts[index + length] as number) - limit
      this.#ends[index] = (this.#ends[index + length] as number) - limit
    }
    for (const tail of this.#tails) tail.shift(length)
    if (this.#repeats.size > 0)
      this.#repeats = new Map(
        [...this.#repeats].filter(([at]) => at >= length).map(([at, count]) => [at - length, count]),
      )
    this.#followed -= length
    this.#length = rest
    if (rest === 0) this.#isNarrow = this.#isBytes = true
  }

  #addUnit(code: number, from: number, to: number): void {
    if (this.#isBytes && code < 0x80 && from === this.#length && to === from + 1) {
      this.#length++
      return
    }
    this.#leaveBytes()
    this.#grow(this.#length + 1)
    if (code >= 0x80) this.#isNarrow = false
    this.#codes[this.#length] = code
    this.#starts[this.#length] = from
    this.#ends[this.#length++] = to
  }

  #grow(length: number): void {
    if (length <= this.#codes.length) return
    const room = 2 ** Math.ceil(Math.log2(length))
    const grown = <T extends Uint16Array | Uint32Array>(into: T, from: T): T => {
      into.set(from.subarray(0, this.#length))
      return into
    }
    this.#codes = grown(new Uint16Array(room), this.#codes)
    this.#starts = grown(new Uint32Array(room), this.#starts)
    this.#ends = grown(new Uint32Array(room), this.#ends)
  }
}

const decodeUnits = (codes: Uint16Array, isNarrow: boolean): string =>
  isNarrow
    ? Buffer.from(codes).toString('latin1')
    : Buffer.from(codes.buffer, codes.byteOffset, codes.byteLength).toString('utf16le')

/** 0, 1, 2, … up to a number at least: of plain text a character's number is its byte's. */
function offsetsUpTo(last: number): Uint32Array {
  if (offsets.length <= last) offsets = Uint32Array.from({ length: 2 * (last + 1) }, (_, index) => index)
  return offsets
}
let offsets = new Uint32Array(0)

function lastBegin(text: string): number | undefined {
  if (!text.includes('-----BEGIN')) return undefined
  return [...text.matchAll(KEY_BEGIN)].at(-1)?.index
}

/** Blanks and dashes of other widths look like those of ASCII, and so are values that are written with them. */
function looksLike(code: number): number {
  if (code === 0xa0 || code === 0x1680 || (code >= 0x2000 && code <= 0x200a)) return 0x20
  if (code === 0x202f || code === 0x205f || code === 0x3000) return 0x20
  if ((code >= 0x2010 && code <= 0x2015) || code === 0x2212 || code === 0xfe63 || code === 0xff0d) return 0x2d
  return code
}

const SCRATCH = Buffer.allocUnsafeSlow(256 * 1024)
const STAR = 0x2a
const ONE_STAR = Buffer.from([STAR])
/** No value has more of the same character in it; and no screen has more columns. */
const MAX_REPEATED = 40
const MAX_COLUMNS = 1024
const LAYOUT = new Set([0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d])
/** A line feed without bytes stands where a sequence parts two texts. */
const APART = 0x0a
/** What detectors look back at, to tell a value from a part of something longer. */
const LOOK_BEHIND = 8
/** Characters of what went out unfinished that a value may have begun in: as many as the longest value that is not followed by itself. */
const CONTEXT = 648
const MAX_KEY_LENGTH = 65_536
const MAX_KEY_END_LENGTH = 96
const KEY_BEGIN = /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY-----/g
const KEY_END = /-----END (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY-----/
const TOKEN = /[\w.-]/
const BLANK = /\s/

/** What, at the end of a text that goes out unfinished, is surely the beginning of a value. */
const BEGUN: Partial<Readonly<Record<Extract<MaskedKind['kind'], string>, RegExp>>> = {
  jwt: /(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]*){0,2}$/,
  'cloud-key':
    /(?<!\w)(?:(?:AKIA|ASIA)[A-Z2-7]{6,15}|gh[pousr]_\w{6,}|github_pat_\w{4,}|glpat-[\w-]{4,}|sk_live_\w{4,}|sk-ant-[\w-]{4,}|npm_\w{6,})$/,
}
