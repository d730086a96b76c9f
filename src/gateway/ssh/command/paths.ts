import { posix } from 'node:path'

/** Where relative paths start, as far as anybody can tell. */
export interface Place {
  /** Absolute; undefined where the target did not say. */
  readonly home: string | undefined
  /** Absolute; undefined where it cannot be told. */
  readonly directory: string | undefined
}

/** A path that nobody can tell. */
export const ANYWHERE = '**'

/** The absolute path that a word means, normalised; `**` where that cannot be told. */
export function placePath(word: string | null, { home, directory }: Place): string {
  if (word === null || word === '') return ANYWHERE
  if (word.startsWith('/')) return normalized(word)
  if (word === '~' || word.startsWith('~/'))
    return home === undefined ? ANYWHERE : normalized(`${home}/${word.slice(2)}`)
  if (word.startsWith('~')) return ANYWHERE
  return directory === undefined ? ANYWHERE : normalized(`${directory}/${word}`)
}

/** The path itself and all below it. */
export const tree = (path: string): readonly string[] => (path === ANYWHERE ? [path] : [path, posix.join(path, '**')])

/** A star of the target's own would be taken for a pattern: such a name may be anything. */
function normalized(path: string): string {
  const plain = posix.normalize(path)
  const whole = plain.length > 1 && plain.endsWith('/') ? plain.slice(0, -1) : plain
  return whole.includes('*') ? ANYWHERE : whole
}
