/**
 * Whether the parser's scanner would take a multiple of a text's length in time, as only a text made for that does: at each comment that
 * begins within a row of characters of operators (the comments may consist of nothing else) it looks ahead to the end of the row.
 * Source: `xcstart` and `operator` in the server's scan.l.
 */
export function isCostlyToScan(sql: string): boolean {
  let steps = 0
  for (const [row] of sql.matchAll(OPERATOR_CHARACTERS)) {
    steps += row.length * (row.split('/*').length - 1)
    if (steps > MAX_STEPS) return true
  }
  return false
}

/** Shorter rows cost nothing. */
const OPERATOR_CHARACTERS = /[~!@#^&|`?+\-*/%<>=]{100,}/g
/** A tenth of a second. */
const MAX_STEPS = 5_000_000
