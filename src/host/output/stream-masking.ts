import { applyEdits, type Edit } from '../../masking/stream/edits.ts'
import { HeldBytes } from '../../masking/stream/held-bytes.ts'
import { MaskedReading, type ReadingOptions } from '../../masking/stream/masked-reading.ts'
import { characterAt, isC1, plainUntil } from '../../masking/stream/utf8.ts'
import { TerminalParser, type Seen, type Terminal } from './terminal-text.ts'

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
  readonly #held = new HeldBytes()
  /** Bytes of it that have been read. */
  #decoded = 0
  #hasHidden = false
  readonly #plainest: Way
  /** As on terminals that differ from that. Each from the first character on that they take otherwise. */
  readonly #others = new Map<Terminal, Way>()
  /** What control strings carry, by itself. From the first on. */
  #strings: MaskedReading | undefined
  /** As on terminals that know no control strings but OSC, and show what they carry. */
  #shown: MaskedReading | undefined

  constructor(options: StreamMaskingOptions) {
    this.#options = options
    this.#plainest = new Way(new TerminalParser(PLAINEST), new MaskedReading(options, this.#held))
  }

  /** Something has gone out with a value hidden in it. */
  get hasHidden(): boolean {
    return this.#hasHidden
  }

  get isHolding(): boolean {
    return this.#held.length > 0
  }

  push(bytes: Buffer): Buffer {
    this.#held.append(bytes)
    this.#decode()
    let limit = this.#decoded
    for (const reading of this.#readings()) limit = Math.min(limit, reading.safeUntil(this.#decoded))
    // A value has an end, but what is not seen may stand in it without one.
    return this.#held.length - limit > MAX_HELD_BYTES ? this.flush() : this.#emit(limit, false)
  }

  /** Everything that is held goes out: what is surely the beginning of a value is hidden. */
  flush(): Buffer {
    // The bytes of a character that has not ended go out as they are.
    return this.#emit(this.#held.length, true)
  }

  *#readings(): Iterable<MaskedReading> {
    yield* this.#plainest.readings()
    for (const way of this.#others.values()) yield* way.readings()
    if (this.#strings !== undefined) yield this.#strings
    if (this.#shown !== undefined) yield this.#shown
  }

  #decode(): void {
    const { bytes, length } = this.#held
    while (this.#decoded < length) {
      const from = this.#decoded
      const plain = this.#isIdle() ? plainUntil(bytes, from, length) : from
      if (plain > from) {
        for (const reading of this.#readings()) if (reading !== this.#strings) reading.addAll(from, plain)
        this.#decoded = plain
        continue
      }
      const character = characterAt(bytes, from, length)
      if (character === undefined) return
      this.#read(character.code, from, from + character.length)
      this.#decoded = from + character.length
    }
  }

  /** All ways to read it are one so far. */
  get #isAlone(): boolean {
    return (
      this.#others.size === 0 &&
      this.#strings === undefined &&
      this.#shown === undefined &&
      this.#plainest.hasOneReading
    )
  }

  #isIdle(): boolean {
    if (!this.#plainest.parser.isIdle) return false
    for (const way of this.#others.values()) if (!way.parser.isIdle) return false
    return true
  }

  #read(code: number, from: number, to: number): void {
    const { parser, screen } = this.#plainest
    if (isC1(code)) this.#differ(OBEYING_C1, XTERM)
    if (parser.isRepeat(code)) this.#differ(REPEATING, XTERM)
    if (parser.isOtherOnConsole(code)) this.#differ(CONSOLE, REPEATING)
    if (parser.isShowing(code)) this.#differ(SHOWING)
    for (const way of this.#others.values()) way.read(code, from, to)
    const wasInString = parser.isInString
    const seen = this.#plainest.read(code, from, to)
    if (wasInString && !parser.isInString) this.#strings?.part(to)
    if (seen === 'text') this.#shown?.add(code, from, to)
    else if (seen === 'begin') {
      this.#strings ??= new MaskedReading(this.#options, this.#held)
      this.#strings.part(to)
    } else if (seen === 'in-osc' || seen === 'in-string') {
      this.#strings?.add(code, from, to)
      if (seen === 'in-osc') return
      this.#shown ??= screen.copy()
      this.#shown.add(code, from, to)
    }
  }

  /** From here on terminals differ. */
  #differ(...terminals: readonly Terminal[]): void {
    for (const terminal of terminals)
      if (!this.#others.has(terminal)) this.#others.set(terminal, this.#plainest.as(terminal))
  }

  /** Bytes up to `limit` go out; the rest is held. */
  #emit(limit: number, isFlush: boolean): Buffer {
    if (limit === 0) return Buffer.alloc(0)
    const edits: Edit[] = []
    const isAlone = this.#isAlone
    for (const reading of this.#readings()) reading.release(limit, isFlush, isAlone, edits)
    this.#hasHidden ||= edits.length > 0
    // What goes out is given away: it is written later.
    const out = applyEdits(this.#held.bytes.subarray(0, limit), edits)
    this.#held.drop(limit)
    this.#decoded = Math.max(0, this.#decoded - limit)
    return out
  }
}

/** What a terminal of one sort shows. */
class Way {
  readonly parser: TerminalParser
  /** Every sequence is not there. */
  readonly screen: MaskedReading
  /** What moves the cursor parts words. From the first such sequence on. */
  #parted: MaskedReading | undefined
  /** So does what may move it. */
  #partedMore: MaskedReading | undefined
  readonly #repeats: boolean

  constructor(parser: TerminalParser, screen: MaskedReading, { repeats }: Terminal = PLAINEST) {
    this.parser = parser
    this.screen = screen
    this.#repeats = repeats
  }

  get hasOneReading(): boolean {
    return this.#parted === undefined && this.#partedMore === undefined
  }

  as(terminal: Terminal): Way {
    const way = new Way(this.parser.as(terminal), this.screen.copy(), terminal)
    way.#parted = this.#parted?.copy()
    way.#partedMore = this.#partedMore?.copy()
    return way
  }

  read(code: number, from: number, to: number): Seen {
    const repeated = this.#repeats && this.parser.isRepeat(code) ? this.parser.count : undefined
    const seen = this.parser.next(code)
    if (repeated !== undefined) {
      for (const reading of this.readings()) reading.repeat(repeated, from, to)
    } else if (seen === 'text') {
      for (const reading of this.readings()) reading.add(code, from, to)
    } else if (seen === 'moved') {
      this.#parted ??= this.screen.copy()
      this.#parted.part(to)
      this.#partedMore?.part(to)
    } else if (seen === 'may-move') {
      this.#partedMore ??= (this.#parted ?? this.screen).copy()
      this.#partedMore.part(to)
    }
    return seen
  }

  *readings(): Iterable<MaskedReading> {
    yield this.screen
    if (this.#parted !== undefined) yield this.#parted
    if (this.#partedMore !== undefined) yield this.#partedMore
  }
}

/** What waits for more goes out as if it had waited long enough: no text holds as much that is not seen within one value. */
export const MAX_HELD_BYTES = 4_194_304

const PLAINEST: Terminal = { c1: false, repeats: false, console: false }
const OBEYING_C1: Terminal = { ...PLAINEST, c1: true }
const REPEATING: Terminal = { ...PLAINEST, repeats: true }
const XTERM: Terminal = { ...PLAINEST, c1: true, repeats: true }
const CONSOLE: Terminal = { ...PLAINEST, console: true }
const SHOWING: Terminal = { c1: false, repeats: false, console: false, shows: true }
