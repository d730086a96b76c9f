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

/** Changes that are kept apart at least. */
const MIN_CHANGES = 64
