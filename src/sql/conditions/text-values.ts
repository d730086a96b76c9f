import { UNKNOWN, type Value } from './values.ts'

/** LIKE by dynamic programming: linear in both, whatever the pattern. */
export function like(text: string, pattern: string): boolean | typeof UNKNOWN {
  if (pattern.includes('\\') || text.length * pattern.length > 10_000) return UNKNOWN
  let ends = new Set([0])
  for (const sign of pattern) {
    const next = new Set<number>()
    for (const end of ends) {
      if (sign === '%') for (let at = end; at <= text.length; at++) next.add(at)
      else if (end < text.length && (sign === '_' || text[end] === sign)) next.add(end + 1)
    }
    ends = next
  }
  return ends.has(text.length)
}

/** The result of a function of one text or one number; UNKNOWN for other arguments. */
export const ofText =
  (make: (value: string) => Value) =>
  ([value]: readonly Value[]): Value =>
    typeof value === 'string' ? make(value) : UNKNOWN
export const ofNumber =
  (make: (value: number) => Value) =>
  ([value]: readonly Value[]): Value =>
    typeof value === 'number' ? make(value) : UNKNOWN
