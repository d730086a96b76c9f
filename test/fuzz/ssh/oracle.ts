import { posix } from 'node:path'
import { readCommandLine } from '../../../src/host/command/command-line.ts'
import { throughLinks } from '../../../src/protocols/ssh/transfer/sftp-paths.ts'
import type { HostStatement } from '../../../src/host/command/facts.ts'
import { matchesPath } from '../../../src/host/path-patterns.ts'
import { HOME, LINKS, ROOT, TREE } from './home.ts'
import type { Outcome } from './sandbox.ts'
import { SHELLS, type ShellName } from './shells.ts'
import { CUT_OFF, realPath, SYSTEM_LINKS, type Happening } from './trace.ts'

/** What is said of a text before it runs. */
export type Reading = (text: string, shell: ShellName) => Promise<readonly HostStatement[]>

/** Something that a script did and its reading does not say. */
export interface Disagreement {
  readonly type: 'read' | 'list' | 'write' | 'change' | 'run' | 'connect'
  /** The program that did it, or that ran. */
  readonly by: string
  readonly what: string
}

/** As the gateway does: the text, then where its paths lead on the target as it is before. */
export const gatewayReading: Reading = async (text, shell) => {
  const scope = { login: 'nobody', home: HOME, shell: SHELLS[shell].login, resolvesPaths: true }
  const { statements } = await throughLinks(readCommandLine(text, scope), {
    real: (path) => Promise.resolve(resolved(path)),
    link: (path) => Promise.resolve(LINK_TARGETS.get(path) ?? SYSTEM_LINKS.get(path)),
  })
  return statements
}

/** Of what is hidden everything is expected, and of an opaque program, what whoever allows it knows of it. */
export const isUnderstood = (statements: readonly HostStatement[]): boolean =>
  statements.every(({ unknown, opaque }) => unknown.length + opaque.length === 0)

export function compare(outcome: Outcome, statements: readonly HostStatement[]): readonly Disagreement[] {
  const found = new Map<string, Disagreement>()
  const add = (one: Disagreement): void => void found.set(`${one.type} ${one.by} ${one.what}`, one)
  const writes = statements.flatMap((statement) => statement.writes)
  const touched = [...writes, ...statements.flatMap(({ reads }) => reads)]
  for (const happening of outcome.happenings) {
    if (happening.type === 'run') {
      if (!isNamed(happening, statements))
        add({
          type: 'run',
          by: posix.basename(happening.path),
          what: [happening.path, ...happening.argv.slice(1)].join(' '),
        })
    } else if (happening.type === 'connect') add({ type: 'connect', by: happening.by, what: happening.to })
    else {
      const { type, path, by } = happening
      const claimed = type === 'write' ? writes : touched
      if (!isWatched(path) || isPassing(happening, claimed)) continue
      if (!claimed.some((claim) => covers(claim, path))) add({ type, by, what: path })
    }
  }
  for (const path of outcome.changed)
    if (!writes.some((claim) => covers(claim, path)) && ![...found.values()].some(({ what }) => what === path))
      add({ type: 'change', by: '', what: path })
  return [...found.values()]
}

/** A rule against this very path would have fitted. */
const covers = (claim: string, path: string): boolean => matchesPath(path, claim, false)

/** What lies elsewhere is the system's: libraries, the standard input and output that the script was given. */
const isWatched = (path: string): boolean =>
  (path === ROOT || path.startsWith(`${ROOT}/`)) && !path.startsWith(`${ROOT}/in/`) && path !== `${ROOT}/output`

/** Names that programs make up beside what they were given, and take away again. */
function isPassing(
  { path, by, type }: Exclude<Happening, { type: 'run' | 'connect' }>,
  claimed: readonly string[],
): boolean {
  const directory = posix.dirname(path)
  const isBeside = (place: string): boolean => claimed.some((claim) => claim === '**' || posix.dirname(claim) === place)
  // Backups are numbered by what is there.
  if (type === 'list') return /^(cp|mv|ln|install)$/.test(by) && isBeside(path)
  if (!isBeside(directory)) return false
  return by === 'shred' ? /\/0+$/.test(path) : /^(cp|mv|ln|install)$/.test(by) && /\/Cu\w{6}$/.test(path)
}

function isNamed(
  { path, argv, ancestors }: Happening & { type: 'run' },
  statements: readonly HostStatement[],
): boolean {
  const program = posix.basename(path)
  const words = argv.slice(1)
  if (SYSTEM_DIRECTORIES.has(posix.dirname(path))) {
    // What these run is what matters, and shows by itself.
    if (SEEN_THROUGH.has(program)) return true
    // Scripts of the system run programs of their own.
    if (ancestors.some((ancestor) => OF_SCRIPTS[ancestor]?.includes(program) === true)) return true
    return statements.some(
      ({ argv: [name, ...rest] }) =>
        name === null || (name !== undefined && posix.basename(name) === program && matches(rest, words)),
    )
  }
  return statements.some(({ argv: [name, ...rest] }) => name === path && matches(rest, words))
}

/** A word that only the shell can tell may be any number of words. */
function matches(claimed: readonly (string | null)[], words: readonly string[]): boolean {
  const [first, ...rest] = claimed
  if (claimed.length === 0) return words.length === 0
  if (words[0] === CUT_OFF) return true
  if (first === null) return words.some((_, from) => matches(rest, words.slice(from))) || matches(rest, [])
  const [word] = words
  if (word === undefined || (first !== word && !isTilde(first as string, word))) return false
  return matches(rest, words.slice(1))
}

/** What a tilde stands for may be said either way. */
const isTilde = (said: string, word: string): boolean =>
  said === '~' || said.startsWith('~/') ? word === HOME + said.slice(1) : /^~[\w+:-]/.test(said) && word.startsWith('/')

const LINK_TARGETS = new Map(LINKS.map(([path, target]) => [`${ROOT}/${path}`, target]))
const EXISTING = new Set([
  ...TREE.map(([path]) => `${ROOT}/${path}`),
  ...'/ /dev /etc /tmp /usr /usr/bin /dev/null /proc'.split(' '),
  ...['', '/u', '/out', '/in'].map((path) => `${ROOT}${path}`),
])

/** As REALPATH of an sftp server that was started in the home: the last name need not exist. */
function resolved(path: string): string | undefined {
  const real = realPath(path, HOME, (link) => LINK_TARGETS.get(link), HOME)
  if (real === undefined) return undefined
  return EXISTING.has(real) || EXISTING.has(posix.dirname(real)) ? real : undefined
}

const SYSTEM_DIRECTORIES = new Set(['/bin', '/usr/bin', '/usr/local/bin', '/sbin', '/usr/sbin', '/usr/local/sbin'])
const SEEN_THROUGH = new Set('env nice nohup setsid time stdbuf timeout ionice xargs find sh bash dash'.split(' '))
const OF_SCRIPTS: Readonly<Record<string, readonly string[]>> = {
  egrep: ['grep'],
  fgrep: ['grep'],
  zcat: ['gzip'],
  zgrep: ['gzip', 'grep', 'sed', 'rm', 'mktemp', 'cat', 'expr', 'mkdir'],
  xargs: ['echo'],
}
