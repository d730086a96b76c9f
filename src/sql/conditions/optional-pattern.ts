/**
 * Whether a regular expression consists of parts each of which may be left out (`a*`, `(b|)?`, `[c]{0,3}`, `()`), so that it matches the empty text, and so
 * everything. A bracket directly behind `[` or `[^` is read both as a character of the list (POSIX.1-2017, 9.3.5) and as its end. Linear: an
 * expression that decides this would try each combination of such readings, which doubles the time with each bracket.
 */
export function isOptionalPattern(pattern: string): boolean {
  const closing = closingBrackets(pattern)
  /** Where a part may begin: all before is optional. */
  const begins = new Uint8Array(pattern.length + 1)
  begins[0] = 1
  for (let at = 0; at < pattern.length; at++) {
    if (begins[at] !== 1) continue
    for (const end of atomEnds(pattern, at, closing)) {
      const behind = endOf(QUANTIFIER, pattern, end)
      if (behind !== undefined) begins[behind] = 1
    }
    const empty = endOf(EMPTY_GROUP, pattern, at)
    if (empty !== undefined) begins[empty] = 1
  }
  return begins[pattern.length] === 1
}

/** Where the character, list or group ends that begins here. */
function atomEnds(pattern: string, at: number, closing: Int32Array): readonly number[] {
  if (pattern[at] !== '[') return [endOf(ATOM, pattern, at)].filter((end) => end !== undefined)
  const first = at + (pattern[at + 1] === '^' ? 2 : 1)
  return [closing[first] ?? -1, pattern[first] === ']' ? (closing[first + 1] ?? -1) : -1].flatMap((end) =>
    end < 0 ? [] : [end + 1],
  )
}

/** For each place, that of the next `]`; -1 where there is none. */
function closingBrackets(pattern: string): Int32Array {
  const closing = new Int32Array(pattern.length + 1).fill(-1)
  for (let at = pattern.length - 1; at >= 0; at--) closing[at] = pattern[at] === ']' ? at : (closing[at + 1] ?? -1)
  return closing
}

function endOf(sticky: RegExp, pattern: string, at: number): number | undefined {
  sticky.lastIndex = at
  return sticky.test(pattern) ? sticky.lastIndex : undefined
}

/** A character, also an escaped one, or a group without alternatives and groups of its own. */
const ATOM = /\\.|\([^()|]*\)|[^\\[\](){}|*+?^$]/y
const QUANTIFIER = /(?:[*?]|\{0?,\d*\}|\{0\})\??/y
const EMPTY_GROUP = /\((?:\?:)?\)/y
