import { byteAt } from '../../../wire/byte-at.ts'
import type { Needle } from './secret-spellings.ts'

/**
 * Tells of nearly all places in a stream that no needle begins there. First by two bytes, then by six: of all spellings of the first characters of
 * the needles there are some thousands, and what looks like one of them nearly always is.
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

  private constructor(needles: readonly Needle[]) {
    const beginnings: Needle[][] = []
    for (const needle of needles) {
      for (const byte of needle[0]?.keys() ?? []) (beginnings[byte] ??= []).push(needle)
      this.#add(needle, 0, 0, 0)
    }
    this.#needles = beginnings
  }

  /** The same for the same list of needles: a session looks for them in every answer. */
  static of(needles: readonly Needle[]): NeedleIndex {
    const known = indices.get(needles) ?? new NeedleIndex(needles)
    indices.set(needles, known)
    return known
  }

  /** From `from` on, the first place where a needle may begin, or where the bytes end too soon to tell. */
  next(bytes: Buffer, from: number): number {
    const pairs = this.#pairs
    const last = bytes.length - PREFIX
    let at = from
    if (!this.#isSure) return at
    for (; at <= last; at++) {
      if (pairs[(byteAt(bytes, at) << 8) | byteAt(bytes, at + 1)] === 0) continue
      if (this.#starts.has(bytes.readUIntBE(at, PREFIX))) return at
    }
    return at
  }

  /** The needles that may begin with a byte. */
  beginningWith(byte: number): readonly Needle[] {
    return this.#needles[byte] ?? NONE
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
