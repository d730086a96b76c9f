import { columnsOf } from './column-width.ts'
import type { Edit } from './edits.ts'
import type { HeldBytes } from './held-bytes.ts'

/** The characters that one reading of a stream shows and has not let out, each with the offsets of its bytes among those that are held. */
export class ShownCharacters {
  readonly #held: HeldBytes
  /** The characters are the first bytes that are held, all of them ASCII: nearly always. They are kept nowhere else then. */
  #isBytes = true
  #codes = new Uint16Array(256)
  /** Offsets of the first byte of each character, and after its last; the second unit of a pair has no bytes of its own. */
  #starts = new Uint32Array(256)
  #ends = new Uint32Array(256)
  #length = 0
  #isNarrow = true
  /** Where a sequence repeats a character, and how often. */
  #repeats = new Map<number, number>()

  constructor(held: HeldBytes) {
    this.#held = held
  }

  copy(): ShownCharacters {
    const copy = new ShownCharacters(this.#held)
    copy.#isBytes = this.#isBytes
    copy.#codes = this.#codes.slice()
    copy.#starts = this.#starts.slice()
    copy.#ends = this.#ends.slice()
    copy.#length = this.#length
    copy.#isNarrow = this.#isNarrow
    copy.#repeats = new Map(this.#repeats)
    return copy
  }

  /** In units of UTF-16. */
  get length(): number {
    return this.#length
  }

  /** All of them are ASCII. */
  get isNarrow(): boolean {
    return this.#isNarrow
  }

  /** They are the first bytes that are held, one for one. */
  get isBytes(): boolean {
    return this.#isBytes
  }

  add(code: number, from: number, to: number): void {
    if (code > 0xffff) {
      this.#addUnit(0xd800 + ((code - 0x10000) >> 10), from, to)
      this.#addUnit(0xdc00 + ((code - 0x10000) & 0x3ff), to, to)
    } else this.#addUnit(code, from, to)
  }

  /** A character so many times: the bytes are those of the final of the sequence that says so. */
  addRepeated(code: number, count: number, from: number, to: number): void {
    this.#leaveBytes()
    this.#repeats.set(this.#length, count)
    this.#addUnit(code, from, to)
    for (let index = 1; index < Math.min(count, MAX_REPEATED); index++) this.#addUnit(code, to, to)
  }

  /** Plain ASCII: the bytes that are held, from one to another. */
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

  codeAt(index: number): number {
    return (this.#isBytes ? this.#held.bytes[index] : this.#codes[index]) as number
  }

  startOf(index: number): number {
    return this.#isBytes ? index : (this.#starts[index] as number)
  }

  /** The first character whose bytes are not before `limit`. */
  firstFrom(limit: number): number {
    if (this.#isBytes) return Math.min(limit, this.#length)
    let [low, high] = [0, this.#length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#starts[middle] as number) < limit) low = middle + 1
      else high = middle
    }
    return low
  }

  text(): string {
    return this.#isBytes
      ? this.#held.bytes.toString('latin1', 0, this.#length)
      : decodeUnits(this.#codes.subarray(0, this.#length), this.#isNarrow)
  }

  /** Copies them into `target` from an offset on: only where they are bytes. */
  copyBytes(target: Buffer, offset: number): void {
    this.#held.bytes.copy(target, offset, 0, this.#length)
  }

  /**
   * The characters from one to another are not shown; `stand` is, in the place of the first. `keepWidth`: a star for each column of a screen that
   * those without a stand-in have. `inOnePiece`: one edit for all, where they are bytes.
   */
  hide(
    from: number,
    to: number,
    stand: string | undefined,
    { keepWidth, inOnePiece }: { readonly keepWidth: boolean; readonly inOnePiece: boolean },
    edits: Edit[],
  ): void {
    if (inOnePiece) return this.#hideInOnePiece(from, to, stand, keepWidth, edits)
    for (let index = from; index < to; index++) {
      const begin = this.startOf(index)
      const end = this.#isBytes ? index + 1 : (this.#ends[index] as number)
      const repeated = this.#repeatAt(index)
      if (repeated !== undefined) {
        // The sequence is cancelled, and with it all that it would have shown.
        const shown = keepWidth ? '*'.repeat(Math.min(repeated.count, MAX_COLUMNS)) : ''
        edits.push({ ...repeated, put: Buffer.from(`\x18${index === from ? (stand ?? shown) : shown}`) })
      } else if (stand !== undefined && index === from) edits.push({ from: begin, to: end, put: Buffer.from(stand) })
      else if (end > begin) {
        if (!keepWidth) edits.push({ from: begin, to: end, put: undefined })
        // On a screen a line stays a line.
        else if (!LAYOUT.has(this.codeAt(index)))
          edits.push({ from: begin, to: end, put: this.#columnsAt(index) === 2 ? TWO_STARS : ONE_STAR })
      }
    }
  }

  #columnsAt(index: number): 1 | 2 {
    const code = this.codeAt(index)
    if (code < 0x1100) return 1
    const isPair = code >= 0xd800 && code < 0xdc00 && index + 1 < this.#length
    return columnsOf(isPair ? String.fromCharCode(code, this.codeAt(index + 1)) : String.fromCharCode(code))
  }

  #hideInOnePiece(from: number, to: number, stand: string | undefined, keepWidth: boolean, edits: Edit[]): void {
    if (from === to) return
    if (stand !== undefined) edits.push({ from, to, put: Buffer.from(stand) })
    else if (!keepWidth) edits.push({ from, to, put: undefined })
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

  /** So many characters are out, and the bytes before `limit`. */
  drop(length: number, limit: number): void {
    const rest = this.#length - length
    if (this.#isBytes) {
      this.#length = rest
      return
    }
    this.#codes.copyWithin(0, length, this.#length)
    for (let index = 0; index < rest; index++) {
      this.#starts[index] = (this.#starts[index + length] as number) - limit
      this.#ends[index] = (this.#ends[index + length] as number) - limit
    }
    if (this.#repeats.size > 0)
      this.#repeats = new Map(
        [...this.#repeats].filter(([at]) => at >= length).map(([at, count]) => [at - length, count]),
      )
    this.#length = rest
    if (rest === 0) this.#isNarrow = this.#isBytes = true
  }

  /** The characters are kept by themselves from here on. */
  #leaveBytes(): void {
    if (!this.#isBytes) return
    this.#isBytes = false
    const length = this.#length
    this.#length = 0
    this.addAll(0, length)
  }

  #addUnit(code: number, from: number, to: number): void {
    // A byte may stand for another character, as `+` does in forms.
    if (this.#isBytes && code === this.#held.bytes[from] && code < 0x80 && from === this.#length && to === from + 1) {
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

const STAR = 0x2a
const ONE_STAR = Buffer.from([STAR])
const TWO_STARS = Buffer.from([STAR, STAR])
/** No value has more of the same character in it; and no screen has more columns. */
const MAX_REPEATED = 40
const MAX_COLUMNS = 1024
const LAYOUT = new Set([0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d])
