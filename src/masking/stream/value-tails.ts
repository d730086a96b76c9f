import { fold, ITSELF, UNSEEN } from '../folding.ts'
import type { MaskedKind } from '../plan.ts'

/**
 * Reads the character at an index, as what it stands for (`tailCode`); negative ones are of what has gone out. NaN where there is none.
 */
export type CharacterAt = (index: number) => number

/** A UTF-16 unit as what it stands for: a value goes on behind one that is not seen. */
export function tailCode(unit: number): number {
  if (unit < 0x80 || Number.isNaN(unit) || (unit >= 0xd800 && unit <= 0xdfff)) return unit
  const plain = fold(unit)
  return plain === UNSEEN ? NOT_THERE : plain < ITSELF ? plain : unit
}

const NOT_THERE = -1

/** Follows where, at the end of a text that grows, what may be the beginning of a value of one kind begins. */
export interface Tail {
  /** Undefined where nothing may be. Negative where it has gone out already. */
  readonly start: number | undefined
  /** Characters that a value has at most, while it is held. */
  readonly longest: number
  readonly isToken: boolean
  /** The characters from `from` up to `end` are new. */
  follow(at: CharacterAt, from: number, end: number): void
  /** So many characters are out: indices are smaller by that. */
  shift(count: number): void
  copy(): Tail
}

export const createTails = (kinds: readonly MaskedKind[]): Tail[] =>
  kinds.map(({ kind }) => (typeof kind === 'string' ? TAILS[kind]() : customTail(kind.pattern)))

/** Characters of a value of a user-defined kind that are found together, at least. */
export const MAX_CUSTOM_LENGTH = 1024

/** Where a pattern may match a blank, its values may begin anywhere in the line; where it may match a line feed, anywhere at all. */
function customTail(pattern: string): Tail {
  const read = pattern.replaceAll(PUNCTUATION, '_')
  const held = MAY_MATCH_LINE_FEED.test(read) ? ANY : MAY_MATCH_BLANK.test(read) ? IN_LINE : IN_WORD
  return new Run(held, held, MAX_CUSTOM_LENGTH)
}

const PUNCTUATION = /\\[!-/:-@[-`{-~]/g
/** Every escape and class may that is not listed. */
// oxlint-disable-next-line no-control-regex
const MAY_MATCH_LINE_FEED = /[\x00-\x1f]|\\(?![dwSbBAz])|\[\^|\[\[?:|\(\?[A-Za-z-]*s/
const MAY_MATCH_BLANK = /\s|\./

/** A value that is a run of characters: the first of some, the others of others. */
class Run implements Tail {
  start: number | undefined
  readonly longest: number
  readonly isToken = false
  readonly #first: Characters
  readonly #others: Characters

  constructor(first: Characters, others: Characters, longest: number) {
    this.#first = first
    this.#others = others
    this.longest = longest
  }

  follow(at: CharacterAt, from: number, end: number): void {
    let begin = from
    for (let index = end - 1; index >= from; index--) {
      const code = at(index)
      if (code === NOT_THERE || this.#others(code)) continue
      // The run is over here; a character that does not continue one may begin the next.
      this.start = undefined
      begin = index
      break
    }
    for (let index = begin; this.start === undefined && index < end; index++)
      if (this.#first(at(index))) this.start = index
  }

  shift(count: number): void {
    if (this.start !== undefined) this.start -= count
  }

  copy(): Tail {
    const copy = new Run(this.#first, this.#others, this.longest)
    copy.start = this.start
    return copy
  }
}

/** `eyJ` and whatever may belong to a token, or its beginning. */
class Token implements Tail {
  start: number | undefined
  readonly longest = 74_000
  readonly isToken = true

  follow(at: CharacterAt, from: number, end: number): void {
    let begin = from
    if (this.start !== undefined && from - this.start < PREFIX.length) {
      // What had begun may turn out to be something else.
      begin = this.start
      this.start = undefined
    }
    for (let index = end - 1; index >= begin; index--) {
      const code = at(index)
      if (code === NOT_THERE || isTokenCharacter(code)) continue
      this.start = undefined
      begin = index + 1
      break
    }
    for (let index = begin; this.start === undefined && index < end; index++)
      if (isPrefix(at, index, end) && !isWord(at(index - 1))) this.start = index
  }

  shift(count: number): void {
    if (this.start !== undefined) this.start -= count
  }

  copy(): Tail {
    const copy = new Token()
    copy.start = this.start
    return copy
  }
}

const PREFIX = [0x65, 0x79, 0x4a] as const

function isPrefix(at: CharacterAt, from: number, end: number): boolean {
  if (at(from) !== PREFIX[0]) return false
  let index = from + 1
  for (const code of PREFIX.slice(1)) {
    while (index < end && at(index) === NOT_THERE) index++
    if (index >= end) return true
    if (at(index++) !== code) return false
  }
  return true
}

/** `-----BEGIN … PRIVATE KEY-----`, while it is not whole: what follows it is not held. */
class KeyBegin implements Tail {
  start: number | undefined
  readonly longest = 90
  readonly isToken = false

  follow(at: CharacterAt, _from: number, end: number): void {
    let text = ''
    const places: number[] = []
    for (let index = end - this.longest; index < end; index++) {
      const code = at(index)
      if (Number.isNaN(code) || code === NOT_THERE) continue
      text += String.fromCharCode(code)
      places.push(index)
    }
    const found = KEY_BEGIN_TAIL.exec(text)
    this.start = found === null ? undefined : places[found.index]
  }

  shift(count: number): void {
    if (this.start !== undefined) this.start -= count
  }

  copy(): Tail {
    const copy = new KeyBegin()
    copy.start = this.start
    return copy
  }
}

const KEY_BEGIN_TAIL = /-----?(?:B(?:E(?:G(?:I(?:N(?: [A-Z0-9 ]*-{0,5})?)?)?)?)?)?$|-{1,5}$/

type Characters = (code: number) => boolean

/** Those of ASCII that the pattern matches; `others` says what of the rest is. */
function characters(pattern: RegExp, others: Characters = () => false): Characters {
  const table = Uint8Array.from({ length: 128 }, (_, code) => (pattern.test(String.fromCharCode(code)) ? 1 : 0))
  return (code) => (code < 128 ? table[code] === 1 : others(code))
}

const DIGIT = characters(/\d/)
const isWord = characters(/[\w-]/)
const isTokenCharacter = characters(/[\w.-]/)
/** Letters and digits of any script; the halves of those beyond the basic plane count as letters. */
const isLetter: Characters = (code) =>
  (code >= 0xd800 && code <= 0xdfff) || /[\p{L}\p{N}]/u.test(String.fromCharCode(code))
const EMAIL = characters(/[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~@-]/, isLetter)
const ADDRESS = characters(/[\w.:]/)
const ANY: Characters = () => true
const IN_LINE: Characters = (code) => code !== 0x0a
const IN_WORD = characters(/\S/, (code) => !/\s/.test(String.fromCharCode(code)))

/** What the beginning of a value looks like, by kind. */
const TAILS: Readonly<Record<Extract<MaskedKind['kind'], string>, () => Tail>> = {
  email: () => new Run(EMAIL, EMAIL, 640),
  'payment-card': () => new Run(DIGIT, characters(/[\d -]/), 24),
  iban: () => new Run(characters(/[A-Z]/), characters(/[A-Z0-9 ]/), 44),
  phone: () => new Run(characters(/[+(]/), characters(/[\d ./()-]/), 36),
  'national-id': () => new Run(characters(/[A-Za-z0-9]/), characters(/[\w .-]/), 26),
  'ip-address': () => new Run(ADDRESS, ADDRESS, 46),
  jwt: () => new Token(),
  'private-key': () => new KeyBegin(),
  'cloud-key': () => new Run(characters(/\w/), characters(/[\w.-]/), 272),
}
