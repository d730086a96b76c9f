import { fold, foldedText, ITSELF, SEVERAL, UNSEEN } from '../folding.ts'
import { foldUnits } from '../folded-text.ts'
import type { MaskedKind } from '../plan.ts'
import { findKinds, standIn, type HashKeys, type HiddenSpan } from '../replace.ts'
import type { Edit } from './edits.ts'
import type { HeldBytes } from './held-bytes.ts'
import { ShownCharacters } from './shown-characters.ts'
import { hasKeyEnd, MAX_KEY_END_LENGTH, UnfinishedValues } from './unfinished-values.ts'
import { createTails, MAX_CUSTOM_LENGTH, tailCode, type Tail } from './value-tails.ts'

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
  #characters: ShownCharacters
  /** How many characters `#tails` know. */
  #followed = 0
  #tails: readonly Tail[]
  #unfinished: UnfinishedValues
  /** The end of what has gone out, as it was before it was masked. */
  #context = ''
  /** Nothing in it is beyond ASCII. */
  #isContextNarrow = true
  /** How many characters of what went out unfinished a value may have begun in. */
  readonly #lookBack: number
  /** The first characters that are held belong to a value whose beginning was hidden. */
  #hiddenAhead = 0

  constructor(options: ReadingOptions, held: HeldBytes) {
    this.#options = options
    this.#held = held
    this.#characters = new ShownCharacters(held)
    this.#tails = createTails(options.kinds)
    this.#unfinished = new UnfinishedValues(options.kinds)
    const hasCustom = options.kinds.some(({ kind }) => typeof kind !== 'string')
    this.#lookBack = hasCustom ? Math.max(CONTEXT, MAX_CUSTOM_LENGTH + LOOK_BEHIND) : CONTEXT
  }

  /** Another that has read the same so far. */
  copy(): MaskedReading {
    const copy = new MaskedReading(this.#options, this.#held)
    copy.#characters = this.#characters.copy()
    copy.#followed = this.#followed
    copy.#tails = this.#tails.map((tail) => tail.copy())
    copy.#unfinished = this.#unfinished.copy()
    copy.#context = this.#context
    copy.#isContextNarrow = this.#isContextNarrow
    copy.#hiddenAhead = this.#hiddenAhead
    return copy
  }

  add(code: number, from: number, to: number): void {
    const plain = code < 0xa0 ? ITSELF : fold(code)
    if (plain === SEVERAL) {
      const several = foldedText(code)
      for (let index = 0; index < several.length; index++)
        this.#characters.add(several.charCodeAt(index), index === 0 ? from : to, to)
    } else if (code <= 0xffff || plain === ITSELF) this.#characters.add(code, from, to)
    // What has two units of UTF-16 stands in one for what it stands for.
    else if (plain !== UNSEEN) this.#characters.add(plain, from, to)
  }

  /** The last character so many times again: the bytes are those of the final of the sequence that says so. */
  repeat(count: number, from: number, to: number): void {
    const last = this.#codeAt(this.#characters.length - 1)
    if (Number.isNaN(last) || last < 0x20 || (last >= 0xd800 && last <= 0xdfff)) return
    this.#characters.addRepeated(last, count, from, to)
  }

  /** Plain ASCII: the bytes that are held, from one to another. */
  addAll(from: number, to: number): void {
    this.#characters.addAll(from, to)
  }

  /** What comes next stands elsewhere: it does not continue what came before. */
  part(at: number): void {
    this.#characters.add(SEPARATOR, at, at)
  }

  get endsWithBlank(): boolean {
    return this.#codeAt(this.#characters.length - 1) === 0x20
  }

  /** The byte up to which everything may go out, as far as this reading is concerned; `end` is where the bytes end. */
  safeUntil(end: number): number {
    const at = this.#safe().length
    return at < this.#characters.length ? this.#characters.startOf(at) : end
  }

  /**
   * What to change in the bytes before `limit`, which go out. On a flush what is surely the beginning of a secret is hidden.
   * `isAlone`: no other reading changes anything.
   */
  release(limit: number, isFlush: boolean, isAlone: boolean, edits: Edit[]): void {
    const safe = this.#safe()
    const held = this.#characters
    let length = 0
    if (isFlush || held.length === 0 || held.startOf(held.length - 1) < limit) length = held.length
    else length = held.firstFrom(limit)
    const context = this.#context.length
    if (length > 0) this.#hide(length, isFlush, isAlone, edits)
    for (const tail of this.#tails) tail.shift(length)
    this.#followed -= length
    held.drop(length, limit)
    // Where nothing runs over this border, what comes is told from what went by its last characters.
    const isClean = !isFlush && length === safe.length && !safe.isCut
    if (length === 0 && context <= LOOK_BEHIND) return
    const kept = this.#unfinished.isInKey ? MAX_KEY_END_LENGTH : isClean ? LOOK_BEHIND : this.#lookBack
    this.#context = this.#context.slice(-kept)
    this.#isContextNarrow ||= Buffer.byteLength(this.#context) === this.#context.length
  }

  #hide(length: number, isFlush: boolean, isAlone: boolean, edits: Edit[]): void {
    const context = this.#context
    const held = this.#characters
    const bytes = held.isBytes && this.#isContextNarrow ? this.#joinedBytes() : undefined
    const joined = bytes === undefined ? context + held.text() : bytes.toString('latin1')
    const how = { keepWidth: this.#options.keepWidth, inOnePiece: isAlone && held.isBytes }
    let hiddenUntil = Math.min(this.#hiddenAhead, length)
    held.hide(0, hiddenUntil, undefined, how, edits)
    this.#hiddenAhead -= hiddenUntil
    for (const { start, end, masked } of this.#spansOf(joined, bytes, context.length + length, isFlush)) {
      const from = Math.max(start - context.length, hiddenUntil)
      const to = Math.min(end - context.length, length)
      this.#hiddenAhead = Math.max(this.#hiddenAhead, end - context.length - length)
      if (to <= from) continue
      // Of a value that began before, the stand-in has gone out; a star for each character keeps the screen.
      const isNew = from === start - context.length && !how.keepWidth
      const stand = isNew ? this.#standIn(joined.slice(start, end), masked) : undefined
      held.hide(from, to, stand, how, edits)
      hiddenUntil = to
    }
    this.#context = joined.slice(0, context.length + length)
    this.#isContextNarrow &&= held.isNarrow
  }

  #standIn(value: string, masked: MaskedKind): string {
    const { keys, spell } = this.#options
    const stand = standIn(value, masked, keys)
    return spell === undefined ? stand : spell(stand)
  }

  /** Of the characters: only where there are none beyond ASCII. */
  #joinedBytes(): Buffer {
    const before = this.#context.length
    const length = before + this.#characters.length
    const bytes = length <= SCRATCH.length ? SCRATCH : Buffer.allocUnsafeSlow(length)
    bytes.write(this.#context, 'latin1')
    this.#characters.copyBytes(bytes, before)
    return bytes.subarray(0, length)
  }

  #spansOf(joined: string, bytes: Buffer | undefined, length: number, isFlush: boolean): HiddenSpan[] {
    const { kinds } = this.#options
    const known = isFlush && length < joined.length ? joined.slice(0, length) : joined
    const found = findKinds(known, kinds, known === joined ? bytes : undefined)
    const spans = found.length === 0 ? found : found.filter(({ start }) => start < length)
    const read = bytes === undefined ? foldUnits(joined) : joined
    this.#unfinished.extend({ joined: read, fresh: this.#context.length, length }, spans, isFlush)
    return spans.length === 0 ? spans : spans.toSorted((one, other) => one.start - other.start)
  }

  /** How many characters can go out now: behind them stands what may be the beginning of a value. */
  #safe(): { readonly length: number; readonly isCut: boolean } {
    const end = this.#characters.length
    if (this.#followed < end) {
      const at = (index: number): number => tailCode(this.#codeAt(index))
      for (const tail of this.#tails) tail.follow(at, this.#followed, end)
      this.#followed = end
    }
    // All of a private key is hidden; what stands behind its end may be the beginning of another value.
    if (this.#unfinished.isInKey && !this.#hasKeyEnd()) return { length: end, isCut: false }
    let length = end
    let isCut = false
    for (const tail of this.#tails) {
      if (tail.start === undefined || (tail.isToken && this.#unfinished.isInToken)) continue
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
    return hasKeyEnd(foldUnits(this.#context.slice(-MAX_KEY_END_LENGTH) + this.#characters.text()))
  }

  /** Negative indices are of what has gone out. NaN where there is none. */
  #codeAt(index: number): number {
    if (index < 0) return this.#context.charCodeAt(this.#context.length + index)
    return this.#characters.codeAt(index)
  }
}

const SCRATCH = Buffer.allocUnsafeSlow(256 * 1024)
/** A line feed without bytes stands where a sequence parts two texts. */
const SEPARATOR = 0x0a
/** What detectors look back at, to tell a value from a part of something longer. */
const LOOK_BEHIND = 8
/** Characters of what went out unfinished that a value may have begun in: as many as the longest value that is not followed by itself. */
const CONTEXT = 648
