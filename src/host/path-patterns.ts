import { matchesGlob } from '../shared/glob.ts'

/**
 * Whether a rule's path pattern is about a path. `*` stands for any characters within a name, `**` for all below.
 * A path may be a tree itself (`/srv/**`), or one that nobody can tell (`**`).
 *
 * `allow`: all that the path may stand for is within the pattern. Otherwise: something of it may be.
 */
export function matchesPath(pattern: string, path: string, all: boolean): boolean {
  return all ? covers(segmentsOf(pattern), segmentsOf(path)) : overlaps(segmentsOf(pattern), segmentsOf(path))
}

const segmentsOf = (path: string): readonly string[] => path.split('/').filter((segment) => segment !== '')

function covers(pattern: readonly string[], path: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === '**') return rest.length === 0 || path.some((_, from) => covers(rest, path.slice(from)))
  const [name, ...below] = path
  if (first === undefined || name === undefined) return first === name
  return name !== '**' && matchesGlob(first, name) && covers(rest, below)
}

function overlaps(pattern: readonly string[], path: readonly string[]): boolean {
  const [first, ...rest] = pattern
  const [name, ...below] = path
  if (name === '**') return true
  // What is done to a directory is not done to what a pattern names below it: that is said with a tree.
  if (first === '**') return rest.length === 0 || path.some((_, from) => overlaps(rest, path.slice(from)))
  if (first === undefined || name === undefined) return first === name
  return matchesGlob(first, name) && overlaps(rest, below)
}
