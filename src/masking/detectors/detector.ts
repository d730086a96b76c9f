/** Where a kind of data stands in a text: UTF-16 offsets, end exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

export interface Detector {
  /** Spans in order, not overlapping. Takes time linear in the length of the text. */
  find(text: string): Span[]
  /** What to show of the value with style `partial`. */
  partial(value: string): string
  /** What every value looks like; without it, a value may be anywhere. */
  readonly form?: Form
}

/** By it most of a long text is passed over before a detector reads the rest. */
export interface Form {
  /** The characters that values are made of. */
  readonly characters: CharacterSet
  /** None of them is below 0x20 or above 0x3f. */
  readonly isLow?: boolean
  /** How many characters a value has at least. */
  readonly least: number
  /** The code of an ASCII character that every value has in it. */
  readonly sign?: number
  /** How many characters before and behind a value `find` looks at. */
  readonly around: number
}

/** By code: 1 for each ASCII character of the set. Behind them stands what is true of all other characters. */
export type CharacterSet = Uint8Array

/** `others` says whether characters beyond ASCII belong to the set. */
export const characterSet = (pattern: RegExp, others: 'without others' | 'with others'): CharacterSet =>
  Uint8Array.from({ length: 256 }, (_, code) =>
    (code < 0x80 ? pattern.test(String.fromCharCode(code)) : others === 'with others') ? 1 : 0,
  )
