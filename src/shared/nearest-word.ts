/** The word that was probably meant: the nearest one by edits, where it is near. */
export function nearestWord(given: string, words: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let fewest = Math.max(1, Math.floor(given.length / 3)) + 1
  const plain = given.toLowerCase()
  for (const word of words) {
    if (Math.abs(word.length - given.length) >= fewest) continue
    const edits = distance(plain, word.toLowerCase(), fewest)
    if (edits < fewest) [nearest, fewest] = [word, edits]
  }
  return nearest
}

/** `; did you mean "x"?`, or nothing. */
export function didYouMean(given: string, words: Iterable<string>): string {
  const word = nearestWord(given, words)
  return word === undefined ? '' : `; did you mean "${word}"?`
}

/** Optimal string alignment: insertions, deletions, substitutions and transpositions of neighbours. No more than `limit` is counted. */
function distance(one: string, other: string, limit: number): number {
  let before: number[] = []
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    let least = i
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1]
      let edits = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1))
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        edits = Math.min(edits, (before[j - 2] ?? 0) + 1)
      next.push(edits)
      if (edits < least) least = edits
    }
    // Rows do not get smaller, but for a transposition, which looks one further back.
    if (least > limit) return limit
    ;[before, row] = [row, next]
  }
  return row[other.length] ?? 0
}
