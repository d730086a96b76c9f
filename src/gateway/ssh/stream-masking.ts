import { MaskedReading, type Edit, type ReadingOptions } from './masked-reading.ts'
import { characterAt, isC1, PLAIN, TerminalParser, type Seen } from './terminal-text.ts'

export type StreamMaskingOptions = ReadingOptions

/**
 * Hides values of masked kinds in a stream of bytes. What may be the beginning of one is held back, until more comes or
 * `flush` says that it has waited long enough. Escape sequences, and whatever else a terminal does not show, are not there
 * when values are looked for, and stay in the output.
 *
 * Terminals differ, and so do texts: the stream is read in several ways at once, and what is a value in one of them is hidden.
 */
export class StreamMasking {
  readonly #options: StreamMaskingOptions
  #held: Buffer = Buffer.alloc(0)
  /** How much of `#held` is used; the rest is room. */
  #length = 0
  /** Bytes of it that have been read. */
  #decoded = 0
  readonly #parser = new TerminalParser({ obeysC1: false })
  /** As on the screen: every sequence is not there. */
  readonly #screen: MaskedReading
  /** What may move the cursor parts words. From the first such sequence on. */
  #parted: MaskedReading | undefined
  /** With controls of one character obeyed. From the first on. */
  #c1: { readonly parser: TerminalParser; readonly reading: MaskedReading } | undefined
  /** What control strings carry, by itself. From the first on. */
  #strings: MaskedReading | undefined
  /** As on terminals that know no control strings but OSC, and show what they carry. */
  #shown: MaskedReading | undefined

  constructor(options: StreamMaskingOptions) {
    this.#options = options
    this.#screen = new MaskedReading(options)
  }

  get isHolding(): boolean {
    return this.#length > 0
  }

  push(bytes: Buffer): Buffer {
    this.#append(bytes)
    this.#decode()
    let limit = this.#decoded
    for (const reading of this.#readings()) limit = Math.min(limit, reading.safeUntil(this.#decoded))
    return this.#emit(limit, false)
  }

  /** Everything that is held goes out: what is surely the beginning of a value is hidden. */
  flush(): Buffer {
    // The bytes of a character that has not ended go out as they are.
    return this.#emit(this.#length, true)
  }

  *#readings(): Iterable<MaskedReading> {
    yield this.#screen
    if (this.#parted !== undefined) yield this.#parted
    if (this.#c1 !== undefined) yield this.#c1.reading
    if (this.#strings !== undefined) yield this.#strings
    if (this.#shown !== undefined) yield this.#shown
  }

  #append(bytes: Buffer): void {
    const length = this.#length + bytes.length
    if (length > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.#length))
      this.#held.copy(grown, 0, 0, this.#length)
      this.#held = grown
    }
    bytes.copy(this.#held, this.#length)
    this.#length = length
  }

  #decode(): void {
    const fresh = this.#held.subarray(this.#decoded, this.#length)
    if (this.#parser.isIdle && this.#c1?.parser.isIdle !== false && PLAIN.test(fresh.toString('latin1'))) {
      for (const reading of this.#readings()) if (reading !== this.#strings) reading.addAll(fresh, this.#decoded)
      this.#decoded = this.#length
      return
    }
    while (this.#decoded < this.#length) {
      const character = characterAt(this.#held, this.#decoded, this.#length)
      if (character === undefined) return
      const to = this.#decoded + character.length
      this.#read(character.code, this.#decoded, to)
      this.#decoded = to
    }
  }

  #read(code: number, from: number, to: number): void {
    if (isC1(code)) this.#c1 ??= { parser: this.#parser.obeyingC1(), reading: this.#screen.copy() }
    const wasInString = this.#parser.isInString
    const seen = this.#parser.next(code)
    if (wasInString && !this.#parser.isInString) this.#strings?.part(to)
    if (this.#c1 !== undefined && this.#c1.parser.next(code) === 'text') this.#c1.reading.add(code, from, to)
    if (seen === 'unseen') return
    if (seen === 'text') {
      this.#screen.add(code, from, to)
      this.#parted?.add(code, from, to)
      this.#shown?.add(code, from, to)
      return
    }
    this.#readUnseen(seen, code, from, to)
  }

  #readUnseen(seen: Seen, code: number, from: number, to: number): void {
    if (seen === 'moved') {
      this.#parted ??= this.#screen.copy()
      this.#parted.part(to)
    } else if (seen === 'begin') {
      this.#strings ??= new MaskedReading(this.#options)
      this.#strings.part(to)
    } else {
      this.#strings?.add(code, from, to)
      if (seen !== 'in-string') return
      this.#shown ??= this.#screen.copy()
      this.#shown.add(code, from, to)
    }
  }

  /** Bytes up to `limit` go out; the rest is held. */
  #emit(limit: number, isFlush: boolean): Buffer {
    if (limit === 0) return Buffer.alloc(0)
    const edits: Edit[] = []
    for (const reading of this.#readings()) reading.release(limit, isFlush, edits)
    // What goes out is given away: it is written later.
    const out = applied(Buffer.from(this.#held.subarray(0, limit)), edits)
    this.#held.copyWithin(0, limit, this.#length)
    this.#length -= limit
    this.#decoded = Math.max(0, this.#decoded - limit)
    return out
  }
}

/** Where several readings change the same character, the first that puts something in its place counts. */
function applied(bytes: Buffer, edits: Edit[]): Buffer {
  if (edits.length === 0) return bytes
  const out: Buffer[] = []
  let at = 0
  for (const { from, to, put } of edits.toSorted(inOrder)) {
    if (from < at) continue
    out.push(bytes.subarray(at, from))
    if (put !== undefined) out.push(put)
    at = to
  }
  out.push(bytes.subarray(at))
  return Buffer.concat(out)
}

const inOrder = (one: Edit, other: Edit): number =>
  one.from - other.from || (other.put?.length ?? 0) - (one.put?.length ?? 0)
