import type { HostCommand } from './command-draft.ts'
import { hostStatement } from './command/host-statement.ts'
import type { PathResolver } from './path-resolver.ts'
import type { SftpOperation } from './sftp-operation.ts'
import { pathsOf } from './sftp-paths.ts'

/** What an SFTP request means: its paths as the target resolves them now, and all below where a directory may be meant. */
export async function commandOf(operation: SftpOperation, resolver: PathResolver, user: string): Promise<HostCommand> {
  const home = await resolver.home()
  const resolved = async (paths: SftpOperation['reads']): Promise<string[]> => {
    const all: string[] = []
    for (const { path, follows } of paths) all.push(...(await pathsOf(path, home, follows, resolver.real)))
    return [...new Set(all)]
  }
  const [reads, writes] = [await resolved(operation.reads), await resolved(operation.writes)]
  const named = [...new Set([...operation.reads, ...operation.writes].map(({ path }) => path))]
  const isTree = operation.name === 'rename' || operation.name === 'symlink' || operation.name === 'rmdir'
  const below = (paths: readonly string[]): string[] =>
    isTree ? paths.flatMap((path) => (path === '**' ? [path] : [path, `${path === '/' ? '' : path}/**`])) : [...paths]
  return {
    text: `sftp ${operation.name} ${named.join(' ')}`,
    facts: {
      type: 'file',
      statements: [hostStatement(user, { kinds: [operation.kind], reads: below(reads), writes: below(writes) })],
    },
    context: { home: home ?? '' },
  }
}
