import type { Expression, Join, Name, Query, Statement } from '../../../../sql/query.ts'
import { Kind, type Tokens } from '../tokens.ts'
import { NotRead } from '../not-read.ts'
import type { ReadingContext } from '../reading-context.ts'
import { isIntroducer, wordsOf, type Words } from '../words.ts'

/** Functions for parts of a text that contain other parts: passed in by a module that knows all of them. */
export interface Readers {
  readonly query: (cursor: Cursor) => Query
  readonly expression: (cursor: Cursor) => Expression
  /** An operand of a predicate. */
  readonly operand: (cursor: Cursor) => Expression
  /** An operand of AND. */
  readonly conjunct: (cursor: Cursor) => Expression
  readonly statement: (cursor: Cursor) => Statement
}

export interface Into {
  readonly where: 'file' | 'variables'
  /** The name of the file, and its format. */
  readonly path: readonly Expression[]
  readonly variables: readonly string[]
}

/** A position in the tokens of a text, with everything found in its statement so far. */
export class Cursor {
  readonly tokens: Tokens
  readonly context: ReadingContext
  readonly words: Words
  readonly read: Readers
  readonly isMariadb: boolean
  at = 0
  /** The number of parameters in the statement so far: they have no names. */
  parameters = 0
  /** Whether it is in the body of a stored program, where variables are allowed in place of constants. */
  isInBody = false
  /** Joins that keep all rows of one side. */
  readonly outerJoins = new Map<Join, 'left' | 'right'>()
  /** The destination of the query's rows, if it is not the client. */
  into: Into | undefined
  /** The name of the row that an INSERT would have inserted. */
  given = '\0given'
  #depth = 0
  /** The number of levels of what has been read since the last `nest` began: functions that walk the tree recurse as deeply. */
  #height = 0
  #wordAt = -1
  #word = ''

  constructor(tokens: Tokens, context: ReadingContext, readers: Readers) {
    this.tokens = tokens
    this.context = context
    this.words = wordsOf(context.server)
    this.read = readers
    this.isMariadb = context.server.flavor === 'mariadb'
  }

  get kind(): number {
    return this.tokens.kind(this.at)
  }

  get isAtEnd(): boolean {
    return this.at >= this.tokens.count
  }

  /** Its offset in the text. */
  get place(): number {
    return this.tokens.start(this.at)
  }

  /** The word at the cursor in upper case; empty if there is no word. */
  get word(): string {
    if (this.#wordAt !== this.at) {
      this.#word = this.wordAt(0)
      this.#wordAt = this.at
    }
    return this.#word
  }

  wordAt(offset: number): string {
    const index = this.at + offset
    return this.tokens.kind(index) === Kind.word ? this.tokens.source(index).toUpperCase() : ''
  }

  kindAt(offset: number): number {
    return this.tokens.kind(this.at + offset)
  }

  is(word: string): boolean {
    return this.word === word
  }

  isAny(...words: readonly string[]): boolean {
    return this.word !== '' && words.includes(this.word)
  }

  /** Whether these words follow. */
  are(...words: readonly string[]): boolean {
    return words.every((word, index) => this.wordAt(index) === word)
  }

  take(...words: readonly string[]): boolean {
    if (this.word !== words[0] || !this.are(...words)) return false
    this.at += words.length
    return true
  }

  /** Takes one of these words and returns it; undefined if none is at the cursor. */
  takeAny(...words: readonly string[]): string | undefined {
    const { word } = this
    if (word === '' || !words.includes(word)) return undefined
    this.at++
    return word
  }

  expect(...words: readonly string[]): void {
    for (const word of words) if (!this.take(word)) this.fail(word)
  }

  expectAny(...words: readonly string[]): string {
    return this.takeAny(...words) ?? this.fail(words.join(' or '))
  }

  isSign(sign: string): boolean {
    return this.isSignAt(0, sign)
  }

  isSignAt(offset: number, sign: string): boolean {
    const index = this.at + offset
    return (
      this.tokens.kind(index) === Kind.sign &&
      this.tokens.end(index) - this.tokens.start(index) === sign.length &&
      this.tokens.text.startsWith(sign, this.tokens.start(index))
    )
  }

  /** The sign at the cursor; empty if there is none. */
  get sign(): string {
    return this.kind === Kind.sign ? this.tokens.source(this.at) : ''
  }

  takeSign(sign: string): boolean {
    if (!this.isSign(sign)) return false
    this.at++
    return true
  }

  expectSign(sign: string): void {
    if (!this.takeSign(sign)) this.fail(sign)
  }

  /** Reports what was expected and where, never the content of the text. */
  fail(expected: string): never {
    throw new NotRead(`expected ${expected} at character ${this.place + 1}`)
  }

  /** Reads something that may contain others of its kind, up to a number of levels. */
  nest<T>(read: () => T): T {
    if (this.#depth === MAX_DEPTH) throw new NotRead(TOO_DEEP)
    const beside = this.#height
    this.#depth++
    this.#height = 0
    const result = read()
    this.#depth--
    this.grow()
    if (beside > this.#height) this.#height = beside
    return result
  }

  /** Reads an operand whose levels are beside those of what was read before, not on top of them. */
  beside<T>(read: (cursor: Cursor) => T): T {
    const before = this.#height
    this.#height = 0
    const result = read(this)
    if (before > this.#height) this.#height = before
    return result
  }

  /** Adds a level on top of what has been read, as for each left operand of `+`. */
  grow(): void {
    if (++this.#height > MAX_HEIGHT) throw new NotRead(TOO_DEEP)
  }

  // ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────

  isNameAt(offset: number, isRefused: (word: string) => boolean = this.words.isReserved): boolean {
    const kind = this.kindAt(offset)
    if (kind !== Kind.word) return kind === Kind.name || kind === Kind.quotedName
    const word = this.wordAt(offset)
    return !isRefused(word) && !isIntroducer(word)
  }

  isName(): boolean {
    return this.isNameAt(0)
  }

  /** A name, with its case unchanged. */
  name(isRefused?: (word: string) => boolean): string {
    if (!this.isNameAt(0, isRefused)) this.fail('a name')
    return this.tokens.value(this.at++)
  }

  maybeName(): string | undefined {
    return this.isName() ? this.name() : undefined
  }

  /** A name of a database, a table or an alias of one. */
  tableName(isRefused?: (word: string) => boolean): string {
    return this.foldTable(this.name(isRefused))
  }

  foldTable(name: string): string {
    return this.context.foldsTableNames ? fold(name) : name
  }

  /** A name of a column, which is not case-sensitive. */
  columnName(): string {
    return fold(this.name())
  }

  /** `table` or `database.table`. */
  qualifiedName(): Name {
    const first = this.tableName()
    if (!this.takeSign('.')) return { schema: undefined, name: first }
    return { schema: first, name: this.tableName() }
  }

  /** A list separated by commas. */
  list<T>(read: () => T): T[] {
    const all = [read()]
    while (this.takeSign(',')) all.push(read())
    return all
  }

  /** `(…, …)`. */
  parenthesized<T>(read: () => T): T[] {
    this.expectSign('(')
    const all = this.list(read)
    this.expectSign(')')
    return all
  }

  // ── literals outside expressions ─────────────────────────────────────────────────────────────────────────────────

  get isText(): boolean {
    return this.kind === Kind.text || this.kind === Kind.nationalText
  }

  /** A single text, such as a path or a password. */
  text(): string {
    if (this.kind !== Kind.text) this.fail('a text')
    return this.tokens.value(this.at++)
  }

  takeText(): string | undefined {
    return this.kind === Kind.text ? this.tokens.value(this.at++) : undefined
  }

  /** A text without an introducer or adjacent texts, which is exactly what it says. */
  get loneText(): string | undefined {
    const { kind, tokens } = this
    if (kind !== Kind.text) return undefined
    const isAlone =
      this.isSignAt(1, ',') || this.isSignAt(1, ';') || this.at + 1 >= tokens.count || this.wordAt(1) === 'USING'
    return isAlone ? tokens.value(this.at) : undefined
  }

  integer(): string {
    if (this.kind !== Kind.integer) this.fail('a number')
    return this.tokens.source(this.at++)
  }

  // ── skipped parts ────────────────────────────────────────────────────────────────────────────────────────────────

  get isAtStatementEnd(): boolean {
    return this.isAtEnd || this.isSign(';')
  }

  /**
   * Skips to the end of the statement. Outside stored programs only a semicolon ends a statement, and none is within parentheses: the
   * caller need not know what is skipped.
   */
  skipRest(): void {
    let open = 0
    for (; !this.isAtEnd; this.at++) {
      if (this.kind !== Kind.sign) continue
      const { sign } = this
      if (sign === '(') open++
      if (sign === ')') open--
      if (open < 0) this.fail('(')
      if (sign === ';') break
    }
    if (open > 0) this.fail(')')
  }

  /** Skips from an opening parenthesis to after its closing one. */
  skipParentheses(): void {
    this.expectSign('(')
    for (let open = 1; open > 0; this.at++) {
      if (this.isAtStatementEnd) this.fail(')')
      const { sign } = this
      if (sign === '(') open++
      if (sign === ')') open--
    }
  }
}

/** Each level takes a dozen calls here, and up to five in the functions that walk the tree. */
export const MAX_DEPTH = 200
const MAX_HEIGHT = 400
const TOO_DEEP = 'it is nested too deeply'

/**
 * The name of a user variable in a form for comparison. Servers compare these names by a collation that the gateway does not implement:
 * names with other characters than those of ASCII identifiers are kept as written.
 */
export const variableName = (name: string): string => (/^[\w$.]+$/.test(name) ? name.toLowerCase() : name)

/** Folds a name as the servers do, character by character; JavaScript would turn one of them into two. */
export const fold = (name: string): string => name.replaceAll('İ', 'i').toLowerCase()
