import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { ReadingFailure } from './parse-statement.ts'

/**
 * The statements of a long text, in a form that is fast to pass between threads and to walk. If the record shows only the beginning of a
 * text (cut-text.ts), the offsets of its constants are not needed.
 */
export function compact(parsed: readonly ParsedStatement[], sql: string): readonly ParsedStatement[] | ReadingFailure {
  const seen = new Set<object>()
  const shows = sql.length <= MAX_SHOWN
  const visit = (value: unknown): boolean => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return true
    if (seen.size === MAX_PARTS) return false
    seen.add(value)
    if (Array.isArray(value)) {
      // Long lists have the same element in all places.
      let before: unknown
      return value.every((part: unknown) => {
        const isSame = part === before
        before = part
        return isSame || visit(part)
      })
    }
    return Object.entries(value).every(([name, part]) => PLACES.has(name) || visit(part))
  }
  if (!visit(parsed)) return { failure: `it has more than ${MAX_PARTS} parts, not counting lists of constants` }
  if (shows) return parsed
  for (const part of seen) if ('others' in part) Reflect.deleteProperty(part, 'others')
  return parsed.map((statement) => ({ ...statement, literals: [] }))
}

/** In characters: the part of a text whose constants the record can cut out. */
export const MAX_SHOWN = 65_536

/** Nodes of the trees, lists and names. */
const MAX_PARTS = 50_000
const PLACES = new Set(['literals', 'others'])
