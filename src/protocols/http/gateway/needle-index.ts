import { byteAt } from '../../../wire/byte-at.ts'
import { skipsOf } from './needle-skips.ts'
import type { Needle } from './secret-spellings.ts'

/**
 * Tells of nearly all places in a stream that no needle begins there. Where two bytes stand that no needle has so early, none of those begins that would have
 * them: most bytes are never looked at. What is left is looked at by two bytes, then by six: of all spellings of the first characters of the needles there
 * are some thousands, and what looks like one of them nearly always is.
 */
export class NeedleIndex {
  /** By the first byte. */
  readonly #needles: readonly (readonly Needle[] | undefined)[]
  /** 1 for two bytes that a needle may begin with. */
  readonly #pairs = new Uint8Array(1 << 16)
  /** Six bytes that one may begin with, as a number. */
  readonly #starts = new Set<number>()
  /** False: a needle may be shorter than that. */
  #isSure = true
  readonly #shortest: number
  readonly #window: number
  readonly #skips: Uint8Array

  private constructor(needles: readonly Needle[]) {
    const beginnings: Needle[][] = []
    for (const needle of needles) {
      for (const byte of needle[0]?.keys() ?? []) (beginnings[byte] ??= []).push(needle)
      this.#add(needle, 0, 0, 0)
    }
    this.#needles = beginnings
    const { shortest, window, skips } = skipsOf(needles)
    this.#shortest = shortest
    this.#window = window
    this.#skips = skips
  }

  /** The same for the same list of needles: a session looks for them in every answer. */
  static of(needles: readonly Needle[]): NeedleIndex {
    const known = indices.get(needles)
    if (known !== undefined) return known
    const made = new NeedleIndex(needles)
    indices.set(needles, made)
    return made
  }

  /** From `from` on, the first place where a needle may begin, or where the bytes end too soon to tell. */
  next(bytes: Buffer, from: number): number {
    if (!this.#isSure) return from
    const at = this.#skipped(bytes, from)
    // A window that is not full says nothing: what is left is looked at from its beginning.
    return at + this.#window <= bytes.length ? at : this.#walked(bytes, at)
  }

  /** Whether a needle may be in a text of characters that are a byte each; false is sure. */
  mayBeIn(text: string): boolean {
    if (text.length < this.#shortest) return false
    if (!this.#isSure) return true
    const [skips, window] = [this.#skips, this.#window]
    for (let at = window - 2; at + 1 < text.length;) {
      const skip = skips[((text.charCodeAt(at) & 0xff) << 8) | (text.charCodeAt(at + 1) & 0xff)] as number
      if (skip === 0) return true
      at += skip
    }
    return false
  }

  /** The needles that may begin with a byte. */
  beginningWith(byte: number): readonly Needle[] {
    return this.#needles[byte] ?? NONE
  }

  #skipped(bytes: Buffer, from: number): number {
    const [skips, window] = [this.#skips, this.#window]
    const end = bytes.length - window
    let at = from
    while (at <= end) {
      const second = at + window - 1
      const skip = skips[(byteAt(bytes, second - 1) << 8) | byteAt(bytes, second)] as number
      if (skip > 0) at += skip
      else if (this.#beginsAt(bytes, at)) return at
      else at++
    }
    return at
  }

  #walked(bytes: Buffer, from: number): number {
    const last = bytes.length - PREFIX
    let at = from
    while (at <= last && !this.#beginsAt(bytes, at)) at++
    return at
  }

  #beginsAt(bytes: Buffer, at: number): boolean {
    const isPair = this.#pairs[(byteAt(bytes, at) << 8) | byteAt(bytes, at + 1)] === 1
    return isPair && this.#starts.has(bytes.readUIntBE(at, PREFIX))
  }

  /** Adds all beginnings that go on from `count` bytes, which are `start`, with the character at `at`. */
  #add(needle: Needle, at: number, start: number, count: number): void {
    const spellings = needle[at]
    if (spellings === undefined) {
      this.#isSure = false
      return
    }
    for (const list of spellings.values())
      for (const spelled of list) {
        let [bytes, length] = [start, count]
        for (const byte of spelled) {
          if (length === PREFIX) break
          bytes = bytes * 256 + byte
          if (++length === 2) this.#pairs[bytes] = 1
        }
        if (length === PREFIX) this.#starts.add(bytes)
        else this.#add(needle, at + 1, bytes, length)
      }
  }
}

const indices = new WeakMap<readonly Needle[], NeedleIndex>()
const NONE: readonly Needle[] = []
/** Bytes that are looked at together: a number has no more. */
const PREFIX = 6
