/** A field of a part of the parser's tree; undefined if there is none. */
export const fieldOf = (part: unknown, name: string): unknown =>
  typeof part === 'object' && part !== null ? Reflect.get(part, name) : undefined

/** The items of a list; an empty list for anything else. */
export const itemsOf = (part: unknown): readonly unknown[] => (Array.isArray(part) ? part : [])
