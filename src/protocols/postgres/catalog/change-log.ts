/** The relations that a changed definition may affect, by unqualified name, or anything. */
export type Touches = 'anything' | ReadonlySet<string>

/**
 * The cause of a change: a statement that defines something; code of unknown effect, which may; or a statement that was not resolved with
 * current definitions, so that the code it runs is unknown. The first is the strongest.
 */
export type ChangedBy = 'definition' | 'code' | 'unread'

/** A change of definitions. */
export interface Change {
  readonly by: ChangedBy
  /** What other sessions' decisions must not rest on while it is in flight. */
  readonly touches: Touches
  /**
   * What decisions can only rest on after the catalogs have been read again: the names of created relations, and of those that they are
   * made of; anything, if it does more than create relations.
   */
  readonly renews: Touches
  /**
   * Whether the statement creates a rule, as each view has one: afterwards an UPDATE may apply to another relation. Code is not counted.
   */
  readonly makesRules: boolean
}

/** A unique number for a message that changes something, which identifies everything noted about it. */
export type Cause = number

/** The noted changes that a reading has seen: all up to a number, and some later ones. */
export interface Seen {
  readonly changes: number
  readonly also: ReadonlySet<number>
}

/** The numbered changes in one database: a reading from before some of them is old for everything that rests on them. */
export class ChangeLog {
  #changes = 0
  /** What must be read again after the last changes made by defining statements, oldest first, each with its number. */
  #log: { readonly at: number; readonly renews: Touches; readonly cause: Cause | undefined }[] = []
  /** The number of the last one removed from the log. */
  #forgotten = 0
  /** The numbers of the last change that code may have made, and the last that an unresolved statement may have made. */
  #lastByCode = 0
  #lastUnread = 0
  #rulesMade = 0

  /** The number of changes. */
  get changes(): number {
    return this.#changes
  }

  /** The number of statements that may have created rules. */
  get rulesMade(): number {
    return this.#rulesMade
  }

  /** Notes a change. `renews`: what must be read again. */
  note(renews: Touches, by: ChangedBy = 'definition', cause?: Cause, makesRules = by === 'definition'): void {
    this.#changes++
    if (makesRules) this.#rulesMade++
    if (by === 'code') this.#lastByCode = this.#changes
    else if (by === 'unread') this.#lastUnread = this.#changes
    else {
      this.#log.push({ at: this.#changes, renews, cause })
      if (this.#log.length <= 2 * MAX_LOGGED) return
      this.#forgotten = this.#log.at(-MAX_LOGGED - 1)?.at ?? this.#changes
      this.#log = this.#log.slice(-MAX_LOGGED)
    }
  }

  /** What must be read again after what was seen; undefined: nothing. */
  renewedSince(seen: Seen): Touches | undefined {
    const { changes } = seen
    return this.#lastByCode > changes || this.#lastUnread > changes ? 'anything' : this.definedSince(seen)
  }

  /** The same for changes made by defining statements. */
  definedSince({ changes, also }: Seen): Touches | undefined {
    if (changes === this.#changes) return undefined
    if (changes < this.#forgotten) return 'anything'
    if ((this.#log.at(-1)?.at ?? 0) <= changes) return undefined
    return this.#log.reduce<Touches | undefined>(
      (all, { at, renews }) => (at > changes && !also.has(at) ? joined(all, renews) : all),
      undefined,
    )
  }

  /** Whether code, or an unresolved statement, may have changed something since. */
  mayHaveChangedSince({ changes }: Seen): ChangedBy | undefined {
    if (this.#lastByCode > changes) return 'code'
    return this.#lastUnread > changes ? 'unread' : undefined
  }

  /**
   * The changes that a reading limited to relations of these names has also seen. It began after `asked` changes were noted, and certainly
   * after the server had answered the `causes`: so it has seen the changes that concern no other names and were noted by then or belong to
   * a cause.
   */
  withNames({ changes, also }: Seen, names: ReadonlySet<string>, asked: number, causes: ReadonlySet<Cause>): Seen {
    const all = new Set(also)
    for (const { at, renews, cause } of this.#log) {
      const isCertain = at <= asked || (cause !== undefined && causes.has(cause))
      if (at > changes && isCertain && renews !== 'anything' && [...renews].every((name) => names.has(name)))
        all.add(at)
    }
    return inOrder(changes, all)
  }

  /** The changes that a complete reading has seen: it began after `asked` changes were noted, and certainly after the `causes` were answered. */
  withAll(asked: number, causes: ReadonlySet<Cause>): Seen {
    const also = new Set<number>()
    for (const { at, cause } of this.#log) if (at > asked && cause !== undefined && causes.has(cause)) also.add(at)
    return inOrder(asked, also)
  }
}

/** `also`: the later ones; it is changed. */
function inOrder(changes: number, also: Set<number>): Seen {
  let first = changes
  while (also.delete(first + 1)) first++
  return { changes: first, also }
}

/** The first `changes` changes. */
export const seenFirst = (changes: number): Seen => ({ changes, also: NONE })
const NONE: ReadonlySet<number> = new Set()

export const bothOf = (one: Change | undefined, other: Change | undefined): Change | undefined =>
  one === undefined || other === undefined
    ? (one ?? other)
    : {
        by: strongest(one.by, other.by),
        touches: joined(one.touches, other.touches) ?? one.touches,
        renews: joined(one.renews, other.renews) ?? one.renews,
        makesRules: one.makesRules || other.makesRules,
      }

export const strongest = (one: ChangedBy, other: ChangedBy): ChangedBy =>
  one === 'definition' || other === 'definition' ? 'definition' : one === 'code' || other === 'code' ? 'code' : 'unread'

export function joined(one: Touches | undefined, other: Touches | undefined): Touches | undefined {
  if (one === undefined || other === undefined || one === other) return one ?? other
  if (one === 'anything' || other === 'anything' || one.size + other.size > MAX_NAMES) return 'anything'
  return new Set([...one, ...other])
}

/** The number of changes that are kept with what they touched. */
const MAX_LOGGED = 200
/** The number of names that are distinguished; with more, anything may have changed. */
const MAX_NAMES = 1000
