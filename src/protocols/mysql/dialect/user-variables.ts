/**
 * What the user variables of a session hold, as far as is certain. It never changes: what a statement does to variables makes another one.
 * `clean`: nothing of a masked column.
 */
export class UserVariables {
  /** Of a connection where nothing was assigned yet: all are NULL. */
  static readonly NEW = new this(true, new Set(), new Map())

  /** What names that are no exceptions are. */
  readonly #isClean: boolean
  readonly #exceptions: ReadonlySet<string>
  readonly #texts: ReadonlyMap<string, string>

  private constructor(isClean: boolean, exceptions: ReadonlySet<string>, texts: ReadonlyMap<string, string>) {
    this.#isClean = isClean
    this.#exceptions = exceptions
    this.#texts = texts
  }

  isClean(name: string): boolean {
    return isPlain(name) && this.#isClean !== this.#exceptions.has(name)
  }

  /** What was assigned to it as a constant, and nothing since. */
  textOf(name: string): string | undefined {
    return isPlain(name) ? this.#texts.get(name) : undefined
  }

  /** Any of these may have been assigned something that is not known. */
  assigned(names: Iterable<string>): UserVariables {
    const all = [...names]
    if (!all.every(isPlain)) return this.#with({ texts: new Map() })
    if (!all.some((name) => this.#texts.has(name))) return this
    const texts = new Map(this.#texts)
    for (const name of all) texts.delete(name)
    return this.#with({ texts })
  }

  /** Any of these may hold values of masked columns. A name that may be the same as any other stands for all. */
  tainted(names: Iterable<string> | 'all'): UserVariables {
    if (names === 'all') return ANYTHING
    const all = [...names]
    if (!all.every(isPlain)) return ANYTHING
    const next = this.assigned(all)
    return next.#mark(all, false)
  }

  /** These hold nothing of a masked column any more; where the text is known, that. */
  cleaned(names: ReadonlyMap<string, string | undefined>): UserVariables {
    const plain = [...names].filter(([name]) => isPlain(name))
    const next = this.assigned(names.keys()).#mark(
      plain.map(([name]) => name),
      true,
    )
    const known = plain.flatMap(([name, text]) => (text === undefined ? [] : [[name, text] as const]))
    if (known.length === 0 || next.#texts.size + known.length > MAX_NAMES) return next
    return next.#with({ texts: new Map([...next.#texts, ...known]) })
  }

  #mark(names: readonly string[], isClean: boolean): UserVariables {
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
  }: {
    exceptions?: ReadonlySet<string>
    texts?: ReadonlyMap<string, string>
  }): UserVariables {
    return new UserVariables(this.#isClean, exceptions, texts)
  }

  /** All of them may hold anything. */
  static readonly ANYTHING = new this(false, new Set(), new Map())
}

const { ANYTHING } = UserVariables

/** Servers compare names by a collation in which other characters may be the same as these, or as one another. */
const isPlain = (name: string): boolean => /^[a-z0-9_.$]+$/.test(name)

/** Names that are told apart: nobody uses as many. */
const MAX_NAMES = 1000
