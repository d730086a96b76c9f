import type { Relation } from './catalog.ts'

type Relations<R> = ReadonlyMap<number, R>

/** What relations were made of: others that are all there as they were and name none of those that were added. */
interface Growth {
  /** Held weakly: else each of them would hold all that there were before it. */
  readonly from: WeakRef<Relations<Relation>>
  readonly added: readonly Relation[]
}

/** Notes that relations, by number, are those `from` before and some that were `added`: what follows from them need not be found again. */
export function noteGrowth<R extends Relation>(to: Relations<R>, from: Relations<R>, added: readonly R[]): void {
  // What shares its rows with others says something of them.
  if (added.every(({ related }) => related.length === 0)) growths.set(to, { from: new WeakRef(from), added })
}

const growths = new WeakMap<Relations<Relation>, Growth>()

/** Something that is found once for each set of relations; of one that has grown, by what was found before and what was added. */
export class FoundIn<T> {
  readonly #known = new WeakMap<Relations<Relation>, T>()

  /** `grown`: undefined where it has to be found anew. */
  of(all: Relations<Relation>, find: () => T, grown: (before: T, added: readonly Relation[]) => T | undefined): T {
    const known = this.#known.get(all)
    if (known !== undefined) return known
    const growth = growths.get(all)
    const from = growth?.from.deref()
    const before = from && this.#known.get(from)
    const found = (growth && before !== undefined ? grown(before, growth.added) : undefined) ?? find()
    this.#known.set(all, found)
    return found
  }
}

/** A set of relations with those among the added that are one, or that have one of the set behind them. */
export function grownBy(
  before: ReadonlySet<number>,
  added: readonly Relation[],
  isOne: (relation: Relation) => boolean,
): ReadonlySet<number> {
  const found = new Set(before)
  const left = new Set(added)
  for (let size = -1; size !== found.size;) {
    size = found.size
    for (const relation of left)
      if (isOne(relation) || relation.viewOf.some((oid) => found.has(oid))) {
        found.add(relation.oid)
        left.delete(relation)
      }
  }
  return found.size === before.size ? before : found
}
