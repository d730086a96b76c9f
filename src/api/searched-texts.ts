import type { CommandEvent } from '../recording/event.ts'

/** What is searched for: a text in lower case, a verdict, a kind. Each that is given must be there. */
export interface Sought {
  readonly text: string
  readonly verdict?: string | undefined
  readonly kind?: string | undefined
}

/**
 * Which records cannot have what is searched for, of those that were read to their end before: of each it keeps, as bits, which three
 * characters stand in a row in its commands, which verdicts there were, and which kinds. A record whose bits lack one of a search's is not read again.
 * It is kept in memory alone, and only for records that nothing is added to.
 */
export class SearchedTexts {
  /** What came last, and what came before that: when there is too much, the older half goes. */
  #newer = new Map<string, Uint8Array>()
  #older = new Map<string, Uint8Array>()
  #bytes = 0
  readonly #limit: number

  /** `limit`: bytes of memory, about. */
  constructor(limit = MAX_MEMORY) {
    this.#limit = limit
  }

  /** False where the record was read, and has no command with all of this. */
  mayHave(session: string, sought: Sought): boolean {
    const bits = this.#newer.get(session) ?? this.#older.get(session)
    if (bits === undefined) return true
    for (const term of termsOf(sought)) if (!hasTerm(bits, term)) return false
    return true
  }

  /** The record was read to its end, and this is all that is in it. */
  keep(session: string, contents: RecordContents): void {
    const bits = contents.bits()
    if (bits === undefined) return
    const size = bits.length + ENTRY
    if (this.#bytes + size > this.#limit / 2) {
      this.#older = this.#newer
      this.#newer = new Map()
      this.#bytes = 0
    }
    this.#newer.set(session, bits)
    this.#bytes += size
  }
}

/** What the commands of a record have, as it is read. */
export class RecordContents {
  readonly #terms = new Set<number>()
  #last = ''

  add({ text, verdict, kinds }: CommandEvent): void {
    if (this.#terms.size > MAX_TERMS) return
    this.#terms.add(verdictTerm(verdict))
    for (const kind of kinds) this.#terms.add(kindTerm(kind))
    // Most that come again come in a row.
    if (text === this.#last) return
    this.#last = text
    addRuns(text.toLowerCase(), this.#terms)
  }

  /** Undefined where there is so much that it would hold off no search. */
  bits(): Uint8Array | undefined {
    if (this.#terms.size > MAX_TERMS) return undefined
    const bits = new Uint8Array(Math.max(1, this.#terms.size) * BYTES_PER_TERM)
    const size = bits.length * 8
    for (const term of this.#terms)
      for (const factor of FACTORS) {
        const at = placeOf(term, factor, size)
        bits[at >>> 3] = (bits[at >>> 3] as number) | (1 << (at & 7))
      }
    return bits
  }
}

function hasTerm(bits: Uint8Array, term: number): boolean {
  const size = bits.length * 8
  return FACTORS.every((factor) => {
    const at = placeOf(term, factor, size)
    return ((bits[at >>> 3] as number) & (1 << (at & 7))) !== 0
  })
}

const placeOf = (term: number, factor: number, size: number): number => {
  const mixed = Math.imul(term ^ (term >>> 15), factor)
  return ((mixed ^ (mixed >>> 13)) >>> 0) % size
}

function termsOf({ text, verdict, kind }: Sought): Set<number> {
  const terms = new Set<number>()
  if (verdict !== undefined) terms.add(verdictTerm(verdict))
  if (kind !== undefined) terms.add(kindTerm(kind))
  addRuns(text, terms)
  return terms
}

/** Every three characters that stand in a row: what has a text in it has all of the text's. */
function addRuns(text: string, terms: Set<number>): void {
  for (let at = 2; at < text.length; at++)
    terms.add(mix(text.charCodeAt(at - 2), text.charCodeAt(at - 1), text.charCodeAt(at)))
}

const mix = (first: number, second: number, third: number): number =>
  Math.imul(first ^ Math.imul(second ^ Math.imul(third, 0x9e37_79b1), 0x85eb_ca6b), 0xc2b2_ae35) >>> 0

/** No three characters of a text begin with such a number: a character has sixteen bits. */
const verdictTerm = (verdict: string): number => wordTerm(0x1_0000, verdict)
const kindTerm = (kind: string): number => wordTerm(0x2_0000, kind)
function wordTerm(start: number, word: string): number {
  let term = start
  for (let at = 0; at < word.length; at++) term = mix(term, at, word.charCodeAt(at))
  return term
}

const FACTORS = [0x9e37_79b1, 0x85eb_ca77, 0x27d4_eb2f] as const
/** With three places for each term, one in thirty terms that are not there seems to be. */
const BYTES_PER_TERM = 1
/** Of a record with more, nearly every run is there. */
const MAX_TERMS = 20_000
const MAX_MEMORY = 128 * 1024 * 1024
/** Bytes that an entry takes besides. */
const ENTRY = 200
