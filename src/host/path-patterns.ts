import { matchesGlob } from '../shared/glob.ts'

/**
 * Whether a rule's path pattern is about a path. `*` stands for any characters within a name, `**` for all below.
 * A path may be a tree itself (`/srv/**`), or one that nobody can tell (`**`).
 *
 * `allow`: all that the path may stand for is within the pattern. Otherwise: something of it may be.
 */
export function matchesPath(pattern: string, path: string, all: boolean): boolean {
  const [patterns, names] = [segmentsOf(pattern), segmentsOf(path)]
  // From the last segment of the pattern to its first: whether it matches what is left of the path, for each beginning of that. Not by recursion, which
  // takes a power of the length of a path for each `**`.
  let below = names.map(() => false)
  below.push(true)
  if (!all) markTrees(below, names)
  for (const [index, segment] of [...patterns.entries()].toReversed()) {
    const isLast = index === patterns.length - 1
    below = segment === '**' ? anywhere(below, isLast) : oneBelow(below, names, segment)
    if (!all) markTrees(below, names)
  }
  return below[0] === true
}

const segmentsOf = (path: string): readonly string[] => path.split('/').filter((segment) => segment !== '')

/** Something of a tree may be whatever the pattern says. */
function markTrees(matches: boolean[], names: readonly string[]): void {
  for (const [from, name] of names.entries()) if (name === '**') matches[from] = true
}

/** `**`: what comes behind it matches from some name on; at the end it stands for all. */
function anywhere(below: readonly boolean[], isLast: boolean): boolean[] {
  const matches = below.map(() => isLast)
  for (let from = below.length - 2; from >= 0 && !isLast; from--)
    matches[from] = below[from] === true || matches[from + 1] === true
  return matches
}

/** What is done to a directory is not done to what a pattern names below it: that is said with a tree. */
const oneBelow = (below: readonly boolean[], names: readonly string[], pattern: string): boolean[] => [
  ...names.map((name, from) => below[from + 1] === true && name !== '**' && matchesGlob(pattern, name)),
  false,
]
