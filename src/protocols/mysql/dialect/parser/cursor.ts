import type { Expression, Join, Name, Query, Statement } from '../../../../sql/query.ts'
import { Kind, type Tokens } from '../tokens.ts'
import { NotRead } from '../not-read.ts'
import type { ReadingContext } from '../reading-context.ts'
import { isIntroducer, wordsOf, type Words } from '../words.ts'

/** What reads parts of a text that hold others: given by whoever knows them all. */
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
  /** The name of the file, and how it is written. */
  readonly path: readonly Expression[]
  readonly variables: readonly string[]
}

/** A place in the tokens of a text, with all that its statement was found to be so far. */
export class Cursor {
  readonly tokens: Tokens
  readonly context: ReadingContext
  readonly words: Words
  readonly read: Readers
  readonly isMariadb: boolean
  at = 0
  /** How many parameters the statement has so far: they have no names. */
  parameters = 0
  /** Within the body of a stored program, whose variables may stand where constants do. */
  isInBody = false
  /** Joins that keep the rows of one side, whatever the other has. */
  readonly outerJoins = new Map<Join, 'left' | 'right'>()
  /** Where the rows of the statement's query go, if not to the client. */
  into: Into | undefined
  /** What the row is called that an INSERT was to make. */
  given = '\0given'
  #depth = 0
  /** How many levels what has been read since the last `nest` began has: those who read the tree go down as far. */
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

  /** Where it is in the text. */
  get place(): number {
    return this.tokens.start(this.at)
  }

  /** The word in upper case; empty where something else stands. */
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

  /** These words, one after another. */
  are(...words: readonly string[]): boolean {
    return words.every((word, index) => this.wordAt(index) === word)
  }

  take(...words: readonly string[]): boolean {
    if (this.word !== words[0] || !this.are(...words)) return false
    this.at += words.length
    return true
  }

  /** One of these, which is returned; undefined where none stands here. */
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

  /** The sign that stands here; empty where something else does. */
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

  /** Names what was looked for and where, never what stands there. */
  fail(expected: string): never {
    throw new NotRead(`expected ${expected} at character ${this.place + 1}`)
  }

  /** Reads something that may hold others of its kind: only so many levels of it. */
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

  /** Reads an operand whose levels stand beside those of what was read before, and not above them. */
  beside<T>(read: (cursor: Cursor) => T): T {
    const before = this.#height
    this.#height = 0
    const result = read(this)
    if (before > this.#height) this.#height = before
    return result
  }

  /** What has been read becomes a part of something, as each operand on the left of `+`. */
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

  /** A name as it is written. */
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

  /** A name of a column, which is the same in any case. */
  columnName(): string {
    return fold(this.name())
  }

  /** `table` or `database.table`. */
  qualifiedName(): Name {
    const first = this.tableName()
    if (!this.takeSign('.')) return { schema: undefined, name: first }
    return { schema: first, name: this.tableName() }
  }

  /** Several of something with commas between. */
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

  // ── literals that are no part of an expression ───────────────────────────────────────────────────────────────────

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

  /** A text that stands by itself: nothing says that its characters are others, and nothing is put together with it. */
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

  // ── what is not looked into ──────────────────────────────────────────────────────────────────────────────────────

  get isAtStatementEnd(): boolean {
    return this.isAtEnd || this.isSign(';')
  }

  /**
   * To the end of the statement. Outside of stored programs only a semicolon ends one, and none stands within parentheses: what
   * comes in between may be anything that the caller need not know.
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

  /** From an opening parenthesis behind its closing one. */
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

/** Each level takes a dozen calls here, and up to five in what reads the tree. */
export const MAX_DEPTH = 200
const MAX_HEIGHT = 400
const TOO_DEEP = 'it is nested too deeply'

/**
 * A user variable, by what its name is the same as. Servers compare these names by a collation that we do not: but for letters of ASCII,
 * which have no case, one is kept as it is written.
 */
export const variableName = (name: string): string => (/^[\w$.]+$/.test(name) ? name.toLowerCase() : name)

/** As the servers fold names: character by character, where JavaScript makes two of one. */
export const fold = (name: string): string => name.replaceAll('İ', 'i').toLowerCase()
