import { posix } from 'node:path'
import type { HostCommand } from '../gateway/command-draft.ts'
import { hostStatement } from '../../../host/command/host-statement.ts'
import { shellWord } from '../../../shared/shell-word.ts'
import { nameOf, parentOf, type SftpOperation, type SftpPath } from './sftp-operation.ts'

/** Asks the target about paths as they are now. */
export interface SftpResolver {
  /** Where the login is when it comes in: absolute. */
  home(): Promise<string | undefined>
  /** Where a path leads (REALPATH): absolute. Undefined where it leads nowhere. */
  real(path: string): Promise<string | undefined>
  /** Whether a name stands for nothing, not even a link that leads nowhere. */
  isFree(path: string): Promise<boolean>
}

/** An SFTP request as it is judged, and with what it is carried out. */
export interface SftpCommand extends HostCommand {
  /** The paths that were judged, for the request's strings by number: what the target gets in place of what the client wrote. */
  readonly resolved: ReadonlyMap<number, string>
  /** Some path leads nowhere: the target could do nothing with it now, and nobody knows what with it later. */
  readonly isLost: boolean
}

/** What an SFTP request means: its paths as the target resolves them now, and all below where a directory may be meant. */
export async function commandOf(operation: SftpOperation, resolver: SftpResolver, user: string): Promise<SftpCommand> {
  const home = await resolver.home()
  const found = new Map<SftpPath, string | undefined>()
  for (const path of new Set([...operation.reads, ...operation.writes])) found.set(path, await led(path, resolver))
  const judged = (paths: SftpOperation['reads']): string[] => {
    const all = paths.flatMap((path) => [...plainPath(path.path, home), ...listed(found.get(path))])
    return [...new Set(all.map((path) => (path.includes('*') ? '**' : path)))]
  }
  const [reads, writes] = [judged(operation.reads), judged(operation.writes)]
  const named = [...new Set([...operation.reads, ...operation.writes].map(({ path }) => path))]
  const isTree = operation.name === 'rename' || operation.name === 'symlink' || operation.name === 'rmdir'
  const below = (paths: readonly string[]): string[] =>
    isTree ? paths.flatMap((path) => (path === '**' ? [path] : [path, `${path === '/' ? '' : path}/**`])) : [...paths]
  const resolved = new Map<number, string>()
  let isLost = false
  for (const [{ field }, path] of found) {
    if (field === undefined) continue
    if (path === undefined) isLost = true
    else resolved.set(field, path)
  }
  return {
    text: ['sftp', operation.name, ...(operation.sets ?? []), ...named.map(shellWord)].join(' '),
    facts: {
      type: 'file',
      statements: [hostStatement(user, { kinds: operation.kinds, reads: below(reads), writes: below(writes) })],
    },
    context: { home: home ?? '' },
    resolved,
    isLost,
  }
}

/** Where a path leads. An operation on a link itself follows those before the last name only; so does one that makes a file. */
async function led({ path, follows }: SftpPath, resolver: SftpResolver): Promise<string | undefined> {
  const real = follows ? await resolver.real(path === '' ? '.' : path) : undefined
  if (real !== undefined) return tidy(real)
  const name = nameOf(path)
  // The root, or where the login is, has no name in a directory of its own.
  if (name === '' || name === '.') return resolver.real(path === '' ? '.' : path)
  // With the dot it has to be there: of a last name that is not, OpenSSH says where it would be.
  const parent = await resolver.real(`${parentOf(path)}/.`)
  if (parent === undefined) return undefined
  const joined = tidy(posix.normalize(`${parent}/${name}`))
  // A link that leads nowhere may lead somewhere by the time that it is followed.
  return follows && !(await resolver.isFree(joined)) ? undefined : joined
}

/** As it is written, made absolute: rules may name a link. Where the target does not say where the login is, it may be anywhere. */
function plainPath(path: string, home: string | undefined): string[] {
  if (path.startsWith('/')) return [tidy(posix.normalize(path))]
  return home === undefined ? ['**'] : [tidy(posix.normalize(`${home}/${path}`))]
}

const listed = (path: string | undefined): string[] => (path === undefined ? [] : [path])
const tidy = (path: string): string => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path)
