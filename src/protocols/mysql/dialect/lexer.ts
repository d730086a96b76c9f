import { isWellFormed } from '../../../shared/well-formed.ts'
import {
  AMPERSAND,
  AT,
  BACKSLASH,
  BACKTICK,
  COLON,
  DOT,
  DOUBLE_QUOTE,
  EQUALS,
  EXCLAMATION,
  GREATER,
  HASH,
  LESS,
  MINUS,
  PIPE,
  PLUS,
  QUESTION,
  SINGLE_QUOTE,
  SLASH,
  SPACE,
  STAR,
  ZERO,
  isDigit,
  isHexDigit,
  isNamePart,
  isSpace,
} from './characters.ts'
import { commentAt, endOfLine } from './comments.ts'
import { NotRead } from './not-read.ts'
import type { ReadingContext } from './reading-context.ts'
import { Kind, Tokens } from './tokens.ts'

/**
 * Splits a text into tokens as the server's own scanner does, with everything that affects quotes and comments: SQL modes, versions and the
 * character set. A text that two servers might split differently is not read. Source: MySQL manual, Language Structure; MariaDB, Comment
 * Syntax; and queries to servers of both versions (test/integration/mysql-reading.test.ts). No token that begins after `until` is read.
 */
export function tokenize(text: string, context: ReadingContext, until = Infinity): Tokens {
  if (text.length > MAX_LENGTH) throw new NotRead(`a text of more than ${MAX_LENGTH} characters`)
  const scanner = new Scanner(text, context)
  scanner.run(Math.min(until, text.length))
  if (!isWellFormed(text)) checkBytes(scanner.tokens)
  return scanner.tokens
}

/**
 * Bytes that are not characters (see `decodeStatement`) may be in binary constants, and in inserted rows, as in dumps. How the server reads
 * them elsewhere is not relied on.
 */
function checkBytes(tokens: Tokens): void {
  const inserts = ['INSERT', 'REPLACE'].includes(tokens.source(0).toUpperCase())
  for (let index = 0; index < tokens.count; index++) {
    const isBytes = inserts || (index > 0 && tokens.source(index - 1).toLowerCase() === '_binary')
    if (tokens.kind(index) === Kind.text && isBytes) continue
    if (!isWellFormed(tokens.source(index))) throw new NotRead(OUTSIDE_CHARSET)
  }
  for (const { start, end } of tokens.comments)
    if (!isWellFormed(tokens.text.slice(start, end))) throw new NotRead(OUTSIDE_CHARSET)
}

/** Why a text with bytes that are not characters is not read. */
export const OUTSIDE_CHARSET = 'it is not valid in the character set of the connection'

const MAX_LENGTH = 64 * 1024 * 1024

/** Signs that are tokens by themselves. */
const SINGLE_SIGNS = new Set([...'()+,/%;^~{}*:.-'].map((sign) => sign.charCodeAt(0)))
const COMPARISONS = new Set(['=', '<', '>', '!', '<=', '>=', '<>', '!=', '<<', '>>', '<=>'])

class Scanner {
  readonly tokens: Tokens
  readonly #text: string
  readonly #context: ReadingContext
  readonly #escapes: boolean
  readonly #ansiQuotes: boolean
  readonly #isMariadb: boolean
  /** Whether names may have characters beyond ASCII. */
  readonly #isUnicode: boolean
  #at = 0
  /** Whether the scanner is in an executable comment, which the next star and slash end. */
  #isExecuting = false

  constructor(text: string, context: ReadingContext) {
    this.#text = text
    this.#context = context
    this.#escapes = !context.sqlMode.has('NO_BACKSLASH_ESCAPES')
    this.#ansiQuotes = context.sqlMode.has('ANSI_QUOTES')
    this.#isMariadb = context.server.flavor === 'mariadb'
    this.#isUnicode = context.charset === 'utf8mb4' || context.charset === 'utf8mb3'
    this.tokens = new Tokens(text, this.#escapes, this.#ansiQuotes)
  }

  run(until: number): void {
    while (this.#at < until) this.#next()
    this.tokens.reached = this.#at
    if (this.#isExecuting && until >= this.#text.length) throw new NotRead('an unterminated comment')
  }

  #code(offset = 0): number {
    const at = this.#at + offset
    return at < this.#text.length ? this.#text.charCodeAt(at) : -1
  }

  #add(kind: number, end: number): void {
    this.tokens.add(kind, this.#at, end)
    this.#at = end
  }

  #next(): void {
    const code = this.#code()
    if (isSpace(code)) {
      this.#at++
      return
    }
    switch (code) {
      case SINGLE_QUOTE:
        return this.#add(Kind.text, this.#endOfText(this.#at))
      case DOUBLE_QUOTE:
        return this.#ansiQuotes
          ? this.#add(Kind.quotedName, this.#endOfName(this.#at))
          : this.#add(Kind.text, this.#endOfText(this.#at))
      case BACKTICK:
        return this.#add(Kind.quotedName, this.#endOfName(this.#at))
      case HASH:
        return this.#skipTo(endOfLine(this.#text, this.#at))
      case MINUS:
        return this.#minus()
      case SLASH:
        return this.#code(1) === STAR ? this.#comment() : this.#add(Kind.sign, this.#at + 1)
      case STAR:
        if (!this.#isExecuting || this.#code(1) !== SLASH) return this.#add(Kind.sign, this.#at + 1)
        this.#isExecuting = false
        this.#at += 2
        return
      case DOT:
        return this.#dot()
      case AT:
        return this.#variable()
      case QUESTION:
        if (isNamePart(this.#code(1))) throw new NotRead('a question mark before a name')
        return this.#add(Kind.parameter, this.#at + 1)
      case COLON:
        return this.#add(Kind.sign, this.#at + (this.#code(1) === EQUALS ? 2 : 1))
      case AMPERSAND:
      case PIPE:
        return this.#add(Kind.sign, this.#at + (this.#code(1) === code ? 2 : 1))
      case LESS:
      case EQUALS:
      case GREATER:
      case EXCLAMATION:
        return this.#comparison()
      case BACKSLASH:
        if (this.#code(1) !== 0x4e || isNamePart(this.#code(2))) throw new NotRead('a backslash outside of quotes')
        return this.#add(Kind.null, this.#at + 2)
    }
    if (isDigit(code)) return this.#number()
    if (isNamePart(code)) return this.#word()
    if (SINGLE_SIGNS.has(code)) return this.#add(Kind.sign, this.#at + 1)
    throw new NotRead(code === 0 ? 'a NUL outside of quotes' : 'an unexpected character')
  }

  /** The offset after the closing quote. Doubled quotes and escapes are decoded when the value is needed. */
  #endOfText(from: number): number {
    const text = this.#text
    const quote = text.charCodeAt(from)
    let at = from + 1
    for (;;) {
      if (at >= text.length) throw new NotRead('an unterminated string')
      const code = text.charCodeAt(at)
      if (code === BACKSLASH && this.#escapes) at += 2
      else if (code !== quote) at++
      else if (at + 1 < text.length && text.charCodeAt(at + 1) === quote) at += 2
      else return at + 1
    }
  }

  #endOfName(from: number): number {
    const text = this.#text
    const quote = text.charCodeAt(from)
    let at = from + 1
    for (;;) {
      if (at >= text.length) throw new NotRead('an unterminated quoted name')
      const code = text.charCodeAt(at)
      if (code === quote) {
        if (at + 1 >= text.length || text.charCodeAt(at + 1) !== quote) break
        at += 2
        continue
      }
      if (code === 0) throw new NotRead('a NUL in a name')
      if (code >= 0x80) this.#checkBeyondAscii(code, true)
      at++
    }
    if (at === from + 1) throw new NotRead('an empty name')
    return at + 1
  }

  /**
   * Source: MySQL manual, Schema Object Names: U+0080 to U+FFFF. How the connection's character set converts other characters is not relied
   * on.
   */
  #checkBeyondAscii(code: number, isQuoted: boolean): void {
    if (code >= 0xd800 && code <= 0xdfff) throw new NotRead('a name with characters beyond U+FFFF')
    if (!this.#isUnicode && (!isQuoted || this.#context.charset !== 'latin1'))
      throw new NotRead(`characters beyond ASCII in a name, with the character set ${this.#context.charset}`)
  }

  /** The offset after the last character of a name. */
  #endOfWord(from: number): number {
    const text = this.#text
    let at = from
    while (at < text.length) {
      const code = text.charCodeAt(at)
      if (!isNamePart(code)) break
      if (code >= 0x80) this.#checkBeyondAscii(code, false)
      at++
    }
    return at
  }

  #word(): void {
    const code = this.#code()
    if (this.#code(1) === SINGLE_QUOTE) {
      if (code === 0x4e || code === 0x6e) return this.#add(Kind.nationalText, this.#endOfText(this.#at + 1))
      if (code === 0x58 || code === 0x78) return this.#digits(Kind.hex, isHexDigit)
      if (code === 0x42 || code === 0x62) return this.#digits(Kind.bits, (digit) => digit === 0x30 || digit === 0x31)
    }
    const end = this.#endOfWord(this.#at)
    this.#add(this.#isBeforeDot(end) ? Kind.name : Kind.word, end)
  }

  /** A word directly before a dot and another name is not a keyword. */
  #isBeforeDot(end: number): boolean {
    return this.#text.charCodeAt(end) === DOT && isNamePart(this.#text.charCodeAt(end + 1))
  }

  /** `x'…'`, `b'…'`; the former has whole bytes. */
  #digits(kind: number, isOne: (code: number) => boolean): void {
    let at = this.#at + 2
    while (isOne(this.#text.charCodeAt(at))) at++
    const isWhole = kind === Kind.bits || (at - this.#at) % 2 === 0
    if (this.#text.charCodeAt(at) !== SINGLE_QUOTE || !isWhole) throw new NotRead('a malformed x or b literal')
    this.#add(kind, at + 1)
  }

  #number(): void {
    const text = this.#text
    const prefix = this.#code() === ZERO ? this.#code(1) : -1
    // Only in lower case: `0X1` is a name.
    if (prefix === 0x78 || prefix === 0x62) {
      const isOne = prefix === 0x78 ? isHexDigit : (code: number) => code === 0x30 || code === 0x31
      let at = this.#at + 2
      while (isOne(text.charCodeAt(at))) at++
      if (at > this.#at + 2 && !isNamePart(text.charCodeAt(at)))
        return this.#add(prefix === 0x78 ? Kind.hex : Kind.bits, at)
      return this.#word()
    }
    let at = this.#at
    while (isDigit(text.charCodeAt(at))) at++
    const code = text.charCodeAt(at)
    if (code === DOT) return text.charCodeAt(at + 1) === DOT ? this.#add(Kind.integer, at) : this.#fraction(at + 1)
    if (code === 0x45 || code === 0x65) {
      const sign = text.charCodeAt(at + 1)
      const digits = sign === PLUS || sign === MINUS ? at + 2 : at + 1
      if (isDigit(text.charCodeAt(digits))) return this.#add(Kind.float, this.#endOfDigits(digits))
    }
    // A name may begin with digits.
    if (isNamePart(code)) return this.#word()
    this.#add(Kind.integer, at)
  }

  #endOfDigits(from: number): number {
    let at = from
    while (isDigit(this.#text.charCodeAt(at))) at++
    return at
  }

  /** Reads a number from after its decimal point. */
  #fraction(from: number): void {
    const text = this.#text
    const at = this.#endOfDigits(from)
    const code = text.charCodeAt(at)
    if (code !== 0x45 && code !== 0x65) return this.#add(Kind.decimal, at)
    const sign = text.charCodeAt(at + 1)
    const digits = sign === PLUS || sign === MINUS ? at + 2 : at + 1
    if (!isDigit(text.charCodeAt(digits))) throw new NotRead('a number without its exponent')
    this.#add(Kind.float, this.#endOfDigits(digits))
  }

  /** `.5` is a number unless a name directly precedes it; every other dot is directly followed by a name. */
  #dot(): void {
    const last = this.tokens.count - 1
    const beside = last >= 0 && this.tokens.end(last) === this.#at ? this.tokens.kind(last) : Kind.end
    if (isDigit(this.#code(1)) && beside !== Kind.name) {
      if (beside === Kind.quotedName) throw new NotRead('a number directly after a quoted name')
      return this.#fraction(this.#at + 1)
    }
    this.#add(Kind.sign, this.#at + 1)
    if (!isNamePart(this.#code())) return
    this.#add(Kind.name, this.#endOfWord(this.#at))
  }

  /** Two minus signs followed by a space or a control character begin a comment; in MySQL `->` extracts a part of a JSON document. */
  #minus(): void {
    const next = this.#code(1)
    if (next === MINUS) {
      const after = this.#code(2)
      if (after <= SPACE || after === 0x7f) return this.#skipTo(endOfLine(this.#text, this.#at))
      if (after >= 0x80) throw new NotRead('two minus signs before a character beyond ASCII')
      return this.#add(Kind.sign, this.#at + 1)
    }
    if (next === GREATER && !this.#isMariadb)
      return this.#add(Kind.sign, this.#at + (this.#code(2) === GREATER ? 3 : 2))
    this.#add(Kind.sign, this.#at + 1)
  }

  #comparison(): void {
    const start = this.#at
    const isPart = (code: number): boolean =>
      code === LESS || code === EQUALS || code === GREATER || code === EXCLAMATION
    let end = start + 1
    while (isPart(this.#text.charCodeAt(end))) end++
    const sign = this.#text.slice(start, end)
    // How the server splits a run of signs that is not an operator is not relied on.
    if (!COMPARISONS.has(sign)) throw new NotRead(`the operator ${sign.slice(0, 10)}`)
    this.#add(Kind.sign, end)
  }

  #variable(): void {
    const next = this.#code(1)
    if (next === AT) {
      if (!isNamePart(this.#code(2)) && this.#code(2) !== BACKTICK) throw new NotRead('@@ without a name')
      this.#add(Kind.systemVariable, this.#at + 2)
      if (this.#code() !== BACKTICK) {
        const end = this.#endOfWord(this.#at)
        this.#add(this.#isBeforeDot(end) ? Kind.name : Kind.word, end)
      }
      return
    }
    if (next === SINGLE_QUOTE || (next === DOUBLE_QUOTE && !this.#ansiQuotes)) {
      const end = this.#endOfText(this.#at + 1)
      return this.#add(Kind.userVariable, end)
    }
    if (next === BACKTICK || next === DOUBLE_QUOTE) {
      const end = this.#endOfName(this.#at + 1)
      return this.#add(Kind.userVariable, end)
    }
    let end = this.#at + 1
    for (; end < this.#text.length; end++) {
      const code = this.#text.charCodeAt(end)
      if (code >= 0x80) throw new NotRead('a variable with characters beyond ASCII')
      if (!isNamePart(code) && code !== DOT) break
    }
    if (end === this.#at + 1) throw new NotRead('@ without a name')
    this.#add(Kind.userVariable, end)
  }

  /** Skips a comment up to `end`, which the server ignores. */
  #skipTo(end: number): void {
    this.tokens.comments.push({ start: this.#at, end })
    this.#at = end
  }

  #comment(): void {
    const { end, isExecuted } = commentAt(this.#text, this.#at, this.#context.server)
    if (!isExecuted) return this.#skipTo(end)
    this.#isExecuting = true
    this.#at = end
  }
}
