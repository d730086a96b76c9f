/** The keys of an object whose type names all that it has. */
export const keysOf = <Of extends object>(record: Of): readonly (keyof Of & string)[] =>
  Object.keys(record) as (keyof Of & string)[]

/** Another value for each key of such an object. */
export function mapValues<Key extends string, Value, Mapped>(
  record: Readonly<Record<Key, Value>>,
  map: (value: Value, key: Key) => Mapped,
): Readonly<Record<Key, Mapped>> {
  return Object.fromEntries(keysOf(record).map((key) => [key, map(record[key], key)])) as Record<Key, Mapped>
}
