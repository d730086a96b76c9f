import { posix } from 'node:path'
import type { HostFacts } from '../../../host/command/facts.ts'
import { ANYWHERE, climbs, isMagic } from '../../../host/command/paths.ts'
import type { PathResolver } from './path-resolver.ts'

/** Asks the target about a path; undefined where it does not say. */
type Resolve = (path: string) => Promise<string | undefined>

function joined(parent: string | undefined, name: string): string | undefined {
  if (parent === undefined) return undefined
  return posix.normalize(`${parent}/${name}`)
}

/** The paths of a command, and where they lead through links as they are now. */
export async function throughLinks(
  facts: HostFacts,
  resolver: Pick<PathResolver, 'real' | 'link'>,
): Promise<HostFacts> {
  const real = remembered(resolver.real)
  const link = remembered(resolver.link)
  const resolved = async (path: string): Promise<string[]> => {
    if (path === ANYWHERE) return [path]
    const isTree = path.endsWith('/**')
    const plain = isTree ? path.slice(0, -3) || '/' : path
    const [led, isLost] = await Promise.all([
      real(plain).then(async (found) => found ?? joined(await real(posix.dirname(plain)), posix.basename(plain))),
      leadsAnywhere(plain, link),
    ])
    if (isLost) return [ANYWHERE]
    const withTree = (found: string): string => (isTree ? posix.join(found, '**') : found)
    // Where `..` leads is what the target says, and nothing else.
    if (climbs(plain)) return [led === undefined ? ANYWHERE : withTree(led)]
    return led === undefined || led === plain ? [path] : [path, withTree(led)]
  }
  const all = async (paths: readonly string[]): Promise<string[]> => {
    const found = await Promise.all(paths.slice(0, MAX_FOLLOWED).map(resolved))
    // Of so many that they are not all followed, nobody says where they lead.
    return [...new Set([...found.flat(), ...paths.slice(MAX_FOLLOWED).map(() => ANYWHERE)])]
  }
  const statements = await Promise.all(
    facts.statements.map(async (one) => ({ ...one, reads: await all(one.reads), writes: await all(one.writes) })),
  )
  return { ...facts, statements }
}

const remembered = (ask: Resolve): Resolve => {
  const known = new Map<string, Promise<string | undefined>>()
  return (path) => {
    const found = known.get(path) ?? ask(path)
    known.set(path, found)
    return found
  }
}

/**
 * Whether some link on the way leads to what each process has of its own, as /proc/self/cwd: the target's answer is
 * about the process that answers, not about the command's.
 */
async function leadsAnywhere(path: string, link: Resolve, links = 0): Promise<boolean> {
  if (isMagic(path) || links > MAX_LINKS) return true
  const names = path.split('/').slice(1)
  const prefixes = names.slice(0, MAX_NAMES).map((_, index) => `/${names.slice(0, index + 1).join('/')}`)
  const targets = await Promise.all(prefixes.map(link))
  const at = targets.findIndex((target) => target !== undefined)
  if (at < 0) return names.length > MAX_NAMES
  const target = targets[at] ?? ''
  const base = target.startsWith('/') ? [] : names.slice(0, at)
  // Not made shorter: what stands before a `..` may be a link as well.
  const next = [...base, ...target.split('/'), ...names.slice(at + 1)].filter((name) => name !== '' && name !== '.')
  return leadsAnywhere(`/${next.join('/')}`, link, links + 1)
}

const MAX_FOLLOWED = 200
/** As Linux has it. */
const MAX_LINKS = 40
const MAX_NAMES = 64
