import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { ReadingFailure } from './parse-statement.ts'

/**
 * What a long text says, in a form that is soon handed from one thread to another and gone through. Of a text of which the record shows
 * the beginning alone (cut-text.ts), nobody asks where the constants stand.
 */
export function compact(parsed: readonly ParsedStatement[], sql: string): readonly ParsedStatement[] | ReadingFailure {
  const seen = new Set<object>()
  const shows = sql.length <= MAX_SHOWN
  const visit = (value: unknown): boolean => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return true
    if (seen.size === MAX_PARTS) return false
    seen.add(value)
    if (Array.isArray(value)) {
      // Long lists have the same part in all places.
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

/** Characters of a text that the record cuts into its constants. */
export const MAX_SHOWN = 65_536

/** Nodes of the trees, lists and names. */
const MAX_PARTS = 50_000
const PLACES = new Set(['literals', 'others'])
