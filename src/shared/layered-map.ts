/** A map that is never changed: made from another with a few changes, it shares the rest with it instead of copying it. */
export class LayeredMap<K, V> implements ReadonlyMap<K, V> {
  readonly size: number
  readonly #base: ReadonlyMap<K, V>
  /** What is not as in the base; undefined: it is gone. */
  readonly #changes: ReadonlyMap<K, V | undefined>

  private constructor(base: ReadonlyMap<K, V>, changes: ReadonlyMap<K, V | undefined>) {
    this.#base = base
    this.#changes = changes
    let size = base.size
    for (const [key, value] of changes) size += Number(value !== undefined) - Number(base.has(key))
    this.size = size
  }

  /** `changes`: new values by key, or undefined for what is removed. */
  static with<K, V>(map: ReadonlyMap<K, V>, changes: ReadonlyMap<K, V | undefined>): ReadonlyMap<K, V> {
    if (changes.size === 0) return map
    const layers = map instanceof LayeredMap ? (map as LayeredMap<K, V>) : undefined
    const base = layers === undefined ? map : layers.#base
    const known = layers === undefined ? [] : layers.#changes
    const all = new LayeredMap(base, new Map<K, V | undefined>([...known, ...changes]))
    // Copying the changes again and again costs as much as copying all of it now and then.
    return all.#changes.size > Math.max(MIN_CHANGES, 4 * Math.sqrt(base.size)) ? new Map(all) : all
  }

  /**
   * The entries of a map for whose values `of` gives one of these. What a map was made from is indexed by that once, so that what is looked up costs as
   * much as there are changes, and not as there is of everything: that map must never change, and `of` be the same function each time.
   */
  static *withAny<K, V>(
    map: ReadonlyMap<K, V>,
    of: (value: V) => string | undefined,
    wanted: ReadonlySet<string>,
  ): Generator<[K, V], void, undefined> {
    if (wanted.size === 0) return
    const layers = map instanceof LayeredMap ? (map as LayeredMap<K, V>) : undefined
    const base = layers === undefined ? map : layers.#base
    const changes = layers === undefined ? new Map<K, V | undefined>() : layers.#changes
    const index = indexOf(base, of)
    for (const one of wanted)
      for (const key of index.get(one) ?? []) {
        const value = base.get(key)
        if (value !== undefined && !changes.has(key)) yield [key, value]
      }
    for (const [key, value] of changes) {
      const one = value === undefined ? undefined : of(value)
      if (value !== undefined && one !== undefined && wanted.has(one)) yield [key, value]
    }
  }

  get(key: K): V | undefined {
    return this.#changes.has(key) ? this.#changes.get(key) : this.#base.get(key)
  }

  has(key: K): boolean {
    return this.#changes.has(key) ? this.#changes.get(key) !== undefined : this.#base.has(key)
  }

  *entries(): MapIterator<[K, V]> {
    for (const entry of this.#base) if (!this.#changes.has(entry[0])) yield entry
    for (const [key, value] of this.#changes) if (value !== undefined) yield [key, value]
  }

  *keys(): MapIterator<K> {
    for (const [key] of this.entries()) yield key
  }

  *values(): MapIterator<V> {
    for (const [key, value] of this.#base) if (!this.#changes.has(key)) yield value
    for (const value of this.#changes.values()) if (value !== undefined) yield value
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries()
  }

  forEach(callback: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.entries()) callback(value, key, this)
  }
}

/** Keys by what a function gives for their values. */
function indexOf<K, V>(
  base: ReadonlyMap<K, V>,
  of: (value: V) => string | undefined,
): ReadonlyMap<string, readonly K[]> {
  const known = indexes.get(base) ?? new Map<unknown, ReadonlyMap<string, readonly unknown[]>>()
  indexes.set(base, known)
  const before = known.get(of) as ReadonlyMap<string, readonly K[]> | undefined
  if (before !== undefined) return before
  const made = new Map<string, K[]>()
  for (const [key, value] of base) {
    const one = of(value)
    if (one === undefined) continue
    const keys = made.get(one)
    if (keys === undefined) made.set(one, [key])
    else keys.push(key)
  }
  known.set(of, made)
  return made
}

const indexes = new WeakMap<ReadonlyMap<unknown, unknown>, Map<unknown, ReadonlyMap<string, readonly unknown[]>>>()

/** Changes that are kept apart at least. */
const MIN_CHANGES = 64
