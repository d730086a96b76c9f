/** What a definition that is changed may stand behind: relations by their last names, or anything. */
export type Touches = 'anything' | ReadonlySet<string>

/**
 * What changes definitions: a statement that says so; code of unknown effect, which may; a statement that was not read with the definitions
 * of now, of which nobody knows what it runs. The first is the strongest.
 */
export type ChangedBy = 'definition' | 'code' | 'unread'

/** What becomes of definitions. */
export interface Change {
  readonly by: ChangedBy
  /** What decisions of others must not rest on while it is on its way. */
  readonly touches: Touches
  /**
   * What decisions rest on that need the catalogs read again after it: names of relations that are made, and of what they are made of; anything,
   * where it does more than make relations.
   */
  readonly renews: Touches
  /** Whether it says that it makes a rule, as each view has one: what an UPDATE is of may be another relation after it. Code says nothing. */
  readonly makesRules: boolean
}

/** A number that nothing else has of what was sent and changes something: by it all that is noted of that is known. */
export type Cause = number

/** How much of what was noted a reading has seen: the first so many changes, and some of those after them, by their numbers. */
export interface Seen {
  readonly changes: number
  readonly also: ReadonlySet<number>
}

/** What has changed in one database, each change with a number: what was read before some of them is old where it rests on them. */
export class ChangeLog {
  #changes = 0
  /** What has to be read again after the last of the changes that statements say, oldest first, each with its number. */
  #log: { readonly at: number; readonly renews: Touches; readonly cause: Cause | undefined }[] = []
  /** The number of the last that is not among them any more. */
  #forgotten = 0
  /** The numbers of the last that code may have made, and of the last that a statement may have made that was not read. */
  #lastByCode = 0
  #lastUnread = 0
  #rulesMade = 0

  /** How often they have changed. */
  get changes(): number {
    return this.#changes
  }

  /** How often rules may have been made by what says so. */
  get rulesMade(): number {
    return this.#rulesMade
  }

  /** `renews`: what has to be read again. */
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

  /** What has to be read again after what was seen; undefined: nothing. */
  renewedSince(seen: Seen): Touches | undefined {
    const { changes } = seen
    return this.#lastByCode > changes || this.#lastUnread > changes ? 'anything' : this.definedSince(seen)
  }

  /** The same, of what statements have changed that say so. */
  definedSince({ changes, also }: Seen): Touches | undefined {
    if (changes === this.#changes) return undefined
    if (changes < this.#forgotten) return 'anything'
    if ((this.#log.at(-1)?.at ?? 0) <= changes) return undefined
    return this.#log.reduce<Touches | undefined>(
      (all, { at, renews }) => (at > changes && !also.has(at) ? joined(all, renews) : all),
      undefined,
    )
  }

  /** Whether code, or what was not read, may have changed something since. */
  mayHaveChangedSince({ changes }: Seen): ChangedBy | undefined {
    if (this.#lastByCode > changes) return 'code'
    return this.#lastUnread > changes ? 'unread' : undefined
  }

  /**
   * What is seen besides by whoever reads relations of these names alone, after `asked` changes were noted, and surely after the server has
   * answered the `causes`: what concerns no other names, and was noted by then or is one of theirs.
   */
  withNames({ changes, also }: Seen, names: ReadonlySet<string>, asked: number, causes: ReadonlySet<Cause>): Seen {
    const all = new Set(also)
    for (const { at, renews, cause } of this.#log) {
      const isCertain = at <= asked || (cause !== undefined && causes.has(cause))
      if (at > changes && isCertain && renews !== 'anything' && [...renews].every((name) => names.has(name)))
        all.add(at)
    }
    let first = changes
    while (all.delete(first + 1)) first++
    return { changes: first, also: all }
  }
}

/** Those that were noted first. */
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

/** Changes that are remembered by what they touched. */
const MAX_LOGGED = 200
/** Names that are told apart: of more, anything may be. */
const MAX_NAMES = 1000
