/** What one character of a terminal's output is, to somebody who looks at the screen. */
export type Seen =
  /** It is shown, or moves to another line or column as text does. */
  | 'text'
  /** Nothing of it is shown: part of an escape sequence, a control or a character without width. */
  | 'unseen'
  /** It ends a sequence that may move the cursor: what comes next may stand elsewhere. */
  | 'moved'
  /** It begins a control string. */
  | 'begin'
  /** Within OSC: a title, a link, the clipboard. */
  | 'in-osc'
  /** Within DCS, SOS, PM, APC or the title of a screen. */
  | 'in-string'

/**
 * Follows what a terminal does with characters (ECMA-48, and the parser of DEC's terminals as xterm has it): one at a time, over
 * any borders of chunks.
 */
export class TerminalParser {
  /** Controls of one character, U+0080 to U+009F: many terminals obey them, others do not. */
  readonly #obeysC1: boolean
  #state: 'ground' | 'escape' | 'intermediate' | 'csi' | 'osc' | 'string' = 'ground'
  /** Characters of the sequence so far. */
  #length = 0

  constructor({ obeysC1 }: { readonly obeysC1: boolean }) {
    this.#obeysC1 = obeysC1
  }

  /** One that obeys C1 controls from here on, and has seen the same. */
  obeyingC1(): TerminalParser {
    const other = new TerminalParser({ obeysC1: true })
    other.#state = this.#state
    other.#length = this.#length
    return other
  }

  /** Plain text needs no parsing now. */
  get isIdle(): boolean {
    return this.#state === 'ground'
  }

  /** What comes next is carried by a control string. */
  get isInString(): boolean {
    return this.#state === 'osc' || this.#state === 'string'
  }

  next(code: number): Seen {
    if (this.#obeysC1 && code >= 0x80 && code <= 0x9f) return this.#c1(code)
    if (code === CAN || code === SUB) return this.#to('ground', 'unseen')
    if (code === ESC) return this.#to('escape', 'unseen')
    switch (this.#state) {
      case 'ground':
        return shown(code)
      case 'osc':
      case 'string':
        return this.#inString(code)
      case 'escape':
      case 'intermediate':
      case 'csi':
        // A control within a sequence is obeyed at once, and the sequence goes on.
        if (code < 0x20 || code === DEL) return shown(code)
        if (code > DEL || ++this.#length > LONGEST_SEQUENCE) return this.#to('ground', shown(code))
        return this.#inSequence(code)
    }
  }

  #inSequence(code: number): Seen {
    if (this.#state === 'csi') {
      if (code < 0x40) return 'unseen'
      // Colours (SGR) and erasing in the line stand within words, as grep writes them.
      return this.#to('ground', code === 0x6d || code === 0x4b ? 'unseen' : 'moved')
    }
    if (code < 0x30) return this.#to('intermediate', 'unseen')
    // With an intermediate: a character set, as `tput sgr0` chooses one.
    if (this.#state === 'intermediate') return this.#to('ground', 'unseen')
    if (code === 0x5b) return this.#to('csi', 'unseen')
    if (code === 0x5d) return this.#to('osc', 'begin')
    if (STRINGS.has(code)) return this.#to('string', 'begin')
    return this.#to('ground', code === 0x5c ? 'unseen' : 'moved')
  }

  #inString(code: number): Seen {
    if (code === BEL && this.#state === 'osc') return this.#to('ground', 'unseen')
    const seen = shown(code)
    if (seen !== 'text') return seen
    return this.#state === 'osc' ? 'in-osc' : 'in-string'
  }

  #c1(code: number): Seen {
    if (code === 0x9b) return this.#to('csi', 'unseen')
    if (code === 0x9d) return this.#to('osc', 'begin')
    if (code === 0x90 || code === 0x98 || code === 0x9e || code === 0x9f) return this.#to('string', 'begin')
    return this.#to('ground', code === 0x9c ? 'unseen' : 'moved')
  }

  #to(state: 'ground' | 'escape' | 'intermediate' | 'csi' | 'osc' | 'string', seen: Seen): Seen {
    this.#state = state
    if (state === 'escape' || state === 'ground' || state === 'csi') this.#length = 0
    return seen
  }
}

function shown(code: number): 'text' | 'unseen' {
  if (code < 0x20) return code >= 0x08 && code <= 0x0d ? 'text' : 'unseen'
  if (code < DEL) return 'text'
  if (code < 0xa0) return 'unseen'
  return UNSEEN.test(String.fromCodePoint(code)) ? 'unseen' : 'text'
}

/** Controls of one character (C1). */
export const isC1 = (code: number): boolean => code >= 0x80 && code <= 0x9f

/** Text of ASCII alone, with nothing in it that a terminal does not show: nearly all there is. */
// oxlint-disable-next-line no-control-regex
export const PLAIN = /^[\x08-\x0d\x20-\x7e]*$/

/** The character at `at` (RFC 3629), and how many bytes it has. */
export interface Character {
  readonly code: number
  readonly length: number
}

/** Undefined while more bytes may belong to it. A byte that is no UTF-8 is U+FFFD, or a C1 control where it would be one in Latin-1. */
export function characterAt(bytes: Buffer, at: number, end: number): Character | undefined {
  const first = bytes[at] as number
  if (first < 0x80) return { code: first, length: 1 }
  const length = characterLength(bytes, at, end)
  if (length === undefined) return undefined
  if (length === 0) return { code: isC1(first) ? first : 0xfffd, length: 1 }
  return { code: bytes.toString('utf8', at, at + length).codePointAt(0) as number, length }
}

/** Bytes of the UTF-8 character at `at`; 0 where there is none. */
export const utf8Length = (bytes: Buffer, at: number): number => characterLength(bytes, at, bytes.length) ?? 0

/** 0 where there is none, undefined where more may come. */
function characterLength(bytes: Buffer, at: number, end: number): number | undefined {
  const first = bytes[at] as number
  if (first < 0x80) return 1
  const length =
    first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0
  for (let i = 1; i < length; i++) {
    if (at + i >= end) return undefined
    const next = bytes[at + i] as number
    if ((next & 0xc0) !== 0x80) return 0
    if (i === 1 && isOutside(first, next)) return 0
  }
  return length
}

/** Overlong forms, surrogates, and what is beyond Unicode. */
const isOutside = (first: number, second: number): boolean =>
  (first === 0xe0 && second < 0xa0) ||
  (first === 0xed && second > 0x9f) ||
  (first === 0xf0 && second < 0x90) ||
  (first === 0xf4 && second > 0x8f)

/** Characters without a place of their own: marks that join others, directions, joiners, tags, soft hyphens. */
const UNSEEN = /^[\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}]$/u
/** P, X, ^, _ (DCS, SOS, PM, APC) and k, the title of a screen. */
const STRINGS = new Set([0x50, 0x58, 0x5e, 0x5f, 0x6b])
const BEL = 0x07
const CAN = 0x18
const SUB = 0x1a
const ESC = 0x1b
const DEL = 0x7f
/** Characters; a terminal that obeyed a longer one would show nothing of what follows it. */
const LONGEST_SEQUENCE = 256
