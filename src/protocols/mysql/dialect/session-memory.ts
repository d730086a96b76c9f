import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { ReadingContext } from './reading-context.ts'

/** A statement that was prepared with PREPARE from a known text. */
export interface PreparedText {
  readonly text: string
  readonly parsed: ParsedStatement
  /** The context in which it was read, and in which its names are resolved whenever it runs. */
  readonly context: ReadingContext
}

/**
 * The state that a session has left in the server, as far as it is certain: the content of its user variables, and its SQL prepared
 * statements. It is immutable: each change returns a new object. `clean`: without values of masked columns.
 */
export class SessionMemory {
  /** The state of a new connection: all variables are NULL. */
  static readonly NEW = new this(true, new Set(), new Map(), new Map())

  /** Whether all names but the exceptions are clean. */
  readonly #isClean: boolean
  readonly #exceptions: ReadonlySet<string>
  readonly #texts: ReadonlyMap<string, string>
  readonly #prepared: ReadonlyMap<string, PreparedText>

  private constructor(
    isClean: boolean,
    exceptions: ReadonlySet<string>,
    texts: ReadonlyMap<string, string>,
    prepared: ReadonlyMap<string, PreparedText>,
  ) {
    this.#isClean = isClean
    this.#exceptions = exceptions
    this.#texts = texts
    this.#prepared = prepared
  }

  isClean(name: string): boolean {
    return isPlain(name) && this.#isClean !== this.#exceptions.has(name)
  }

  /** The constant that was last assigned to a variable, if it was a constant. */
  textOf(name: string): string | undefined {
    return isPlain(name) ? this.#texts.get(name) : undefined
  }

  prepared(name: string): PreparedText | undefined {
    return isPlain(name) ? this.#prepared.get(name) : undefined
  }

  /** The name now refers to another prepared statement, or to an unknown one. */
  prepares(name: string, statement?: PreparedText): SessionMemory {
    if (!isPlain(name)) return this.#with({ prepared: new Map() })
    if (statement === undefined && !this.#prepared.has(name)) return this
    const prepared = new Map(this.#prepared)
    prepared.delete(name)
    if (statement !== undefined && prepared.size < MAX_NAMES) prepared.set(name, statement)
    return this.#with({ prepared })
  }

  /** Any of these may have been assigned an unknown value. */
  assigned(names: Iterable<string>): SessionMemory {
    const all = [...names]
    if (!all.every(isPlain)) return this.#with({ texts: new Map() })
    if (!all.some((name) => this.#texts.has(name))) return this
    const texts = new Map(this.#texts)
    for (const name of all) texts.delete(name)
    return this.#with({ texts })
  }

  /** Any of these may hold values of masked columns. A name that may be the same as any other counts as all names. */
  tainted(names: Iterable<string> | 'all'): SessionMemory {
    if (names === 'all') return ANYTHING
    const all = [...names]
    if (!all.every(isPlain)) return ANYTHING
    const next = this.assigned(all)
    return next.#mark(all, false)
  }

  /** These hold no value of a masked column any longer, but the text if it is known. */
  cleaned(names: ReadonlyMap<string, string | undefined>): SessionMemory {
    const plain = [...names].filter(([name]) => isPlain(name))
    const next = this.assigned(names.keys()).#mark(
      plain.map(([name]) => name),
      true,
    )
    const known = plain.flatMap(([name, text]) => (text === undefined ? [] : [[name, text] as const]))
    if (known.length === 0 || next.#texts.size + known.length > MAX_NAMES) return next
    return next.#with({ texts: new Map([...next.#texts, ...known]) })
  }

  #mark(names: readonly string[], isClean: boolean): SessionMemory {
    const isException = isClean !== this.#isClean
    if (names.every((name) => this.#exceptions.has(name) === isException)) return this
    const exceptions = new Set(this.#exceptions)
    for (const name of names)
      if (isException) exceptions.add(name)
      else exceptions.delete(name)
    if (exceptions.size > MAX_NAMES) return isClean ? this : ANYTHING
    return this.#with({ exceptions })
  }

  #with({
    exceptions = this.#exceptions,
    texts = this.#texts,
    prepared = this.#prepared,
  }: {
    exceptions?: ReadonlySet<string>
    texts?: ReadonlyMap<string, string>
    prepared?: ReadonlyMap<string, PreparedText>
  }): SessionMemory {
    return new SessionMemory(this.#isClean, exceptions, texts, prepared)
  }

  /** All variables may hold anything. */
  static readonly ANYTHING = new this(false, new Set(), new Map(), new Map())
}

const { ANYTHING } = SessionMemory

/** Servers compare names by a collation in which other characters may be equal to these, or to each other. */
const isPlain = (name: string): boolean => /^[a-z0-9_.$]+$/.test(name)

/** The number of names that are distinguished, more than any session uses. */
const MAX_NAMES = 1000
