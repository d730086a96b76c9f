import { item } from '../../../shared/item.ts'
import { BACKSLASH, CLOSE, OPEN, PERCENT, UNDERSCORE } from './characters.ts'

/** The kind of a token. */
export const Kind = {
  end: 0,
  /** An unquoted word, which may be a keyword. */
  word: 1,
  /** An unquoted word that is not a keyword, because a dot is directly beside it. */
  name: 2,
  quotedName: 3,
  text: 4,
  nationalText: 5,
  integer: 6,
  decimal: 7,
  float: 8,
  hex: 9,
  bits: 10,
  parameter: 11,
  /** `@name`, quoted or not: a user variable, or the host of an account. */
  userVariable: 12,
  /** The `@@` before the name of a setting. */
  systemVariable: 13,
  sign: 14,
  /** `\N`. */
  null: 15,
} as const

export const isLiteral = (kind: number): boolean => kind >= Kind.text && kind <= Kind.bits

/** The start and end of each token of a text. A text may have millions, so they are numbers, not objects. */
export class Tokens {
  readonly text: string
  count = 0
  /** The offset up to which the text has been split into tokens. */
  reached = 0
  #kinds = new Uint8Array(64)
  #starts = new Uint32Array(64)
  #ends = new Uint32Array(64)
  /** Comments that the server ignores. */
  readonly comments: { readonly start: number; readonly end: number }[] = []
  #closings: Uint32Array | undefined
  readonly #escapes: boolean
  readonly #ansiQuotes: boolean

  constructor(text: string, escapes: boolean, ansiQuotes: boolean) {
    this.text = text
    this.#escapes = escapes
    this.#ansiQuotes = ansiQuotes
  }

  add(kind: number, start: number, end: number): void {
    if (this.count === this.#kinds.length) {
      this.#kinds = grown(this.#kinds, new Uint8Array(this.count * 2))
      this.#starts = grown(this.#starts, new Uint32Array(this.count * 2))
      this.#ends = grown(this.#ends, new Uint32Array(this.count * 2))
    }
    this.#kinds[this.count] = kind
    this.#starts[this.count] = start
    this.#ends[this.count] = end
    this.count++
  }

  /** After the last token, `Kind.end`. */
  kind(index: number): number {
    return index < this.count ? item(this.#kinds, index) : Kind.end
  }

  start(index: number): number {
    return index < this.count ? item(this.#starts, index) : this.text.length
  }

  end(index: number): number {
    return index < this.count ? item(this.#ends, index) : this.text.length
  }

  source(index: number): string {
    return this.text.slice(this.start(index), this.end(index))
  }

  /** The index of the parenthesis that closes the one at an index; after the last token if there is none. */
  closing(index: number): number {
    this.#closings ??= this.#matchParentheses()
    return item(this.#closings, index)
  }

  #matchParentheses(): Uint32Array {
    const closings = new Uint32Array(this.count).fill(this.count)
    const open: number[] = []
    for (let index = 0; index < this.count; index++) {
      if (this.#kinds[index] !== Kind.sign) continue
      const code = this.text.charCodeAt(item(this.#starts, index))
      if (code === OPEN) open.push(index)
      if (code !== CLOSE) continue
      const opened = open.pop()
      if (opened !== undefined) closings[opened] = index
    }
    return closings
  }

  /** The value of a name or a literal, without quotes and escapes. */
  value(index: number): string {
    const source = this.source(index)
    switch (this.kind(index)) {
      case Kind.quotedName:
        return unquoteName(source)
      case Kind.text:
        return unquote(source, this.#escapes)
      case Kind.nationalText:
        return unquote(source.slice(1), this.#escapes)
      case Kind.userVariable: {
        const name = source.slice(1)
        if (name.startsWith('`') || (this.#ansiQuotes && name.startsWith('"'))) return unquoteName(name)
        return /^['"]/.test(name) ? unquote(name, this.#escapes) : name
      }
      default:
        return source
    }
  }
}

function grown<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from)
  return to
}

const unquoteName = (source: string): string => {
  const quote = source.slice(0, 1)
  return source.slice(1, -1).replaceAll(quote + quote, quote)
}

/** Source: MySQL manual, String Literals, Special Character Escape Sequences. */
function unquote(source: string, escapes: boolean): string {
  const quote = source.slice(0, 1)
  const inner = source.slice(1, -1)
  if (!inner.includes('\\') || !escapes) return inner.includes(quote) ? inner.replaceAll(quote + quote, quote) : inner
  // A text of many megabytes may consist only of escapes.
  const units = new Uint16Array(inner.length)
  const own = quote.charCodeAt(0)
  let count = 0
  for (let at = 0; at < inner.length; at++) {
    const code = inner.charCodeAt(at)
    if (code === own) at++
    if (code !== BACKSLASH) units[count++] = code
    else {
      const escaped = inner.charCodeAt(++at)
      if (escaped === PERCENT || escaped === UNDERSCORE) units[count++] = code
      units[count++] = ESCAPES.get(escaped) ?? escaped
    }
  }
  return Buffer.from(units.buffer, 0, count * 2).toString('utf16le')
}

const ESCAPES: ReadonlyMap<number, number> = new Map(
  Object.entries({ '0': 0, b: 8, n: 10, r: 13, t: 9, Z: 26 }).map(([letter, code]) => [letter.charCodeAt(0), code]),
)
