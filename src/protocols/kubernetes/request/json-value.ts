/** An object of JSON: neither a list nor null. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value)

/** An object that has only what is put into it: no name leads to a prototype. */
export const emptyObject = (): Record<string, unknown> => ({ __proto__: null })
