import { posix } from 'node:path'

/** Asks the target where a path leads (REALPATH); undefined where it does not say. */
export type Resolve = (path: string) => Promise<string | undefined>

/**
 * What a path that a client names stands for: itself, made absolute, and where it leads through links. An operation on
 * a link itself follows those before the last name only.
 */
export async function pathsOf(
  path: string,
  home: string | undefined,
  followsLast: boolean,
  resolve: Resolve,
): Promise<string[]> {
  const start = path.startsWith('/') ? '' : `${home ?? ''}/`
  if (start === '/') return ['**']
  const plain = tidy(posix.normalize(start + path))
  const parent = posix.dirname(plain)
  // `..` after a link leads elsewhere than the text says: the target resolves what the client wrote.
  const asked = start + path
  const real = followsLast ? await resolve(asked) : joined(await resolve(parentOf(asked)), nameOf(asked))
  const followed =
    real ??
    joined(await resolve(parentOf(asked)), nameOf(asked)) ??
    joined(await resolve(parent), posix.basename(plain))
  return [...new Set([plain, ...(followed === undefined ? [] : [tidy(followed)])])].map((one) =>
    one.includes('*') ? '**' : one,
  )
}

const tidy = (path: string): string => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path)
const parentOf = (path: string): string => path.replace(/\/*[^/]*\/*$/, '') || '/'
const nameOf = (path: string): string => /([^/]*)\/*$/.exec(path)?.[1] ?? ''

function joined(parent: string | undefined, name: string): string | undefined {
  if (parent === undefined) return undefined
  return posix.normalize(`${parent}/${name}`)
}
