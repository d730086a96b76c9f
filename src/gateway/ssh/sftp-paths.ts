import { posix } from 'node:path'
import type { HostFacts } from '../../policy/command.ts'
import type { PathResolver } from './path-resolver.ts'

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

/** The paths of a command, and where they lead through links as they are now. */
export async function throughLinks(facts: HostFacts, resolver: PathResolver): Promise<HostFacts> {
  const known = new Map<string, Promise<string | undefined>>()
  const follow = (path: string): Promise<string | undefined> => {
    const found = known.get(path) ?? resolver.real(path)
    known.set(path, found)
    return found
  }
  const all = async (paths: readonly string[]): Promise<string[]> => {
    const more = await Promise.all(
      paths.slice(0, MOST_FOLLOWED).map(async (path) => {
        if (path === '**') return []
        const below = path.endsWith('/**')
        const plain = below ? path.slice(0, -3) || '/' : path
        const led = (await follow(plain)) ?? joined(await follow(posix.dirname(plain)), posix.basename(plain))
        return led === undefined || led === plain ? [] : [below ? posix.join(led, '**') : led]
      }),
    )
    // Of so many that they are not all followed, nobody says where they lead.
    return [...new Set([...paths, ...more.flat(), ...(paths.length > MOST_FOLLOWED ? ['**'] : [])])]
  }
  const statements = await Promise.all(
    facts.statements.map(async (one) => ({ ...one, reads: await all(one.reads), writes: await all(one.writes) })),
  )
  return { ...facts, statements }
}

const MOST_FOLLOWED = 200
