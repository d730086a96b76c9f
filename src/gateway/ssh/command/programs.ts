import { posix } from 'node:path'
import { ANYWHERE, placePath, tree, type Place } from './paths.ts'

/** What running a program with these words does. A word that only the target's shell can tell is null. */
export interface ProgramEffect {
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  /** Cannot be known from the words. */
  readonly unknown?: string
  /** Known to who knows the program. */
  readonly opaque?: string
}

type Words = readonly (string | null)[]

/** What a program of the system is known to do, by its name without a directory. */
export function effectOf(program: string, words: Words, place: Place): ProgramEffect {
  const known = PROGRAMS.get(program)
  if (known !== undefined) return known(words, place)
  return { ...NOTHING, opaque: `what ${program} does is not known to the gateway` }
}

const NOTHING = { reads: [], writes: [] } as const
const unknown = (reason: string): ProgramEffect => ({ ...NOTHING, unknown: reason })
const opaque = (reason: string): ProgramEffect => ({ ...NOTHING, opaque: reason })

/** Operands, and what options may name: after `--`, everything is an operand. */
function split(words: Words): { operands: Words; options: readonly string[]; isCertain: boolean } {
  const operands: (string | null)[] = []
  const options: string[] = []
  let isCertain = true
  let onlyOperands = false
  for (const word of words) {
    if (word === null) {
      // It may be an option as well.
      isCertain &&= onlyOperands
      operands.push(null)
    } else if (!onlyOperands && word === '--') onlyOperands = true
    else if (!onlyOperands && word.startsWith('-') && word !== '-') options.push(word)
    else operands.push(word)
  }
  return { operands, options, isCertain }
}

/** Paths that options may name: `--from=PATH`, `-fPATH`. */
const optionPaths = (options: readonly string[], place: Place): string[] =>
  options.flatMap((option) => {
    const at = option.indexOf('=')
    if (at > 0) return [placePath(option.slice(at + 1), place)]
    return !option.startsWith('--') && option.includes('/') ? [ANYWHERE] : []
  })

const pathsOf = (words: Words, place: Place): string[] =>
  words.filter((word) => word !== '-').map((word) => placePath(word, place))

const harmless = (): ProgramEffect => NOTHING

/** Reads its operands, and writes nothing. */
const reads = (words: Words, place: Place): ProgramEffect => {
  const { operands, options } = split(words)
  const inside = isRecursive(options)
  const paths = pathsOf(operands, place)
  const all = [...paths, ...optionPaths(options, place)]
  return { reads: inside || paths.length === 0 ? all.flatMap(tree) : all, writes: [] }
}

/** Lists a directory, or all that is below it. */
const lists =
  (always: boolean) =>
  (words: Words, place: Place): ProgramEffect => {
    const { operands, options, isCertain } = split(words)
    const paths = operands.length === 0 ? [placePath('.', place)] : pathsOf(operands, place)
    const all = [...paths, ...optionPaths(options, place)]
    return { reads: always || !isCertain || isRecursive(options) ? all.flatMap(tree) : all, writes: [] }
  }

const isRecursive = (options: readonly string[]): boolean =>
  options.some((option) => /^-[a-zA-Z]*[rRa]|^--(r|a|dereference-r)/.test(option))

/** Patterns may stand in a file: `-fFILE`. */
const grep = (words: Words, place: Place): ProgramEffect => {
  const effect = reads(words, place)
  const fromFile = words.some((word) => word !== null && /^-[a-zA-Z]*f./.test(word))
  return fromFile ? { ...effect, reads: [...effect.reads, ANYWHERE] } : effect
}

/** As `reads`, but for options that write or run something. */
const readsUnless =
  (dangerous: RegExp, why: string) =>
  (words: Words, place: Place): ProgramEffect => {
    const { options, isCertain } = split(words)
    if (!isCertain) return unknown('an option may stand where only the shell knows what stands')
    if (options.some((option) => dangerous.test(option))) return opaque(why)
    return reads(words, place)
  }

/** Removes or changes its operands, and what is below them where an option says so. */
const writes = (words: Words, place: Place): ProgramEffect => {
  const { operands, options, isCertain } = split(words)
  const paths = pathsOf(operands, place)
  const all = isCertain && !isRecursive(options) ? paths : paths.flatMap(tree)
  return { reads: optionPaths(options, place), writes: all }
}

/** With -p, what stands above as well. */
const rmdir = (words: Words, place: Place): ProgramEffect => {
  const effect = writes(words, place)
  const above = words.some((word) => word === null || /^-[a-zA-Z]*p|^--parents/.test(word))
  return above ? { ...effect, writes: [...effect.writes, ...effect.writes.flatMap(parentsOf)] } : effect
}

/** What stands above a path, up to the root. */
function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(1, -1)
  return path === ANYWHERE ? [] : parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
}

/** As `writes`, after a first operand that is no path: a mode, an owner. */
const changes = (words: Words, place: Place): ProgramEffect => {
  const { operands, options } = split(words)
  const given = options.some((option) => option.startsWith('--reference')) ? operands : operands.slice(1)
  // A mode such as -x looks like an option, and then the first operand is a path: it is among those that are written.
  const all = options.some((option) => /^-[rwxXst]/.test(option)) ? operands : given
  const paths = pathsOf(all, place)
  return { reads: optionPaths(options, place), writes: isRecursive(options) ? paths.flatMap(tree) : paths }
}

/** Sources, then where they go. */
const copies =
  (sourcesChange: boolean) =>
  (words: Words, place: Place): ProgramEffect => {
    const { operands, options, isCertain } = split(words)
    // Into a directory that an option names; several directories; links, by which the source can be changed.
    const elsewhere =
      !isCertain || options.some((option) => /^-[a-zA-Z]*[tdls]|^--(target|directory|link|symbolic)/.test(option))
    const paths = pathsOf(operands, place).flatMap(tree)
    const named = optionPaths(options, place).flatMap(tree)
    if (elsewhere || sourcesChange) {
      const attached = options.some((option) => /^-[a-zA-Z]*t./.test(option)) ? [ANYWHERE] : []
      return { reads: paths, writes: [...paths, ...named, ...attached] }
    }
    // Where the last one is a directory, each source goes into it under its own name.
    const [target = ANYWHERE] = pathsOf(operands.slice(-1), place)
    const into = operands
      .slice(0, -1)
      .map((source) => (source === null || target === ANYWHERE ? ANYWHERE : posix.join(target, posix.basename(source))))
    const targets = into.includes(ANYWHERE) ? tree(target) : [target, ...into]
    const isDeep = isRecursive(options) || options.some((option) => /^-[a-zA-Z]*D|^--parents/.test(option))
    const sources = pathsOf(operands.slice(0, -1), place)
    return {
      reads: isDeep ? sources.flatMap(tree) : sources,
      writes: [...(isDeep ? targets.flatMap(tree) : targets), ...named],
    }
  }

const dd = (words: Words, place: Place): ProgramEffect => {
  const of = (name: string): string[] =>
    words.flatMap((word) => {
      if (word === null) return [ANYWHERE]
      return word.startsWith(`${name}=`) ? [placePath(word.slice(name.length + 1), place)] : []
    })
  return { reads: of('if'), writes: of('of') }
}

/** A second operand is written. */
const uniq = (words: Words, place: Place): ProgramEffect => {
  const { operands, isCertain } = split(words)
  if (!isCertain) return { reads: [ANYWHERE], writes: [ANYWHERE] }
  return { reads: pathsOf(operands.slice(0, 1), place), writes: pathsOf(operands.slice(1), place) }
}

const find = (words: Words, place: Place): ProgramEffect => {
  const first = words.findIndex((word) => word === null || /^[-(!]/.test(word))
  const starts = first < 0 ? words : words.slice(0, first)
  const tests = first < 0 ? [] : words.slice(first)
  const leading = tests.findIndex((word) => word === null || !/^-([HLPD]|O\d)$/.test(word))
  if (leading > 0) return find(tests.slice(leading), place)
  if (tests.includes(null)) return unknown('what find does depends on words that only the shell knows')
  const below = (starts.length === 0 ? [placePath('.', place)] : pathsOf(starts, place)).flatMap(tree)
  const names = tests as readonly string[]
  if (names.some((name) => /^-(fprint|fls|fprintf|fprint0|files0-from)/.test(name)))
    return { reads: below, writes: [ANYWHERE] }
  return { reads: below, writes: names.includes('-delete') ? below : [] }
}

const date = (words: Words, place: Place): ProgramEffect => {
  const { options, isCertain } = split(words)
  if (!isCertain || options.some((option) => /^-[a-zA-Z]*s|^--set/.test(option)))
    return opaque('date may set the clock')
  return {
    reads: optionPaths(options, place).concat(options.some((option) => /^-[a-zA-Z]*f/.test(option)) ? [ANYWHERE] : []),
    writes: [],
  }
}

const withoutOperands =
  (why: string) =>
  (words: Words): ProgramEffect =>
    split(words).operands.length > 0 ? opaque(why) : NOTHING

/** bash evaluates what stands between brackets in the name of a variable: `test -v 'a[$(…)]'`. */
const names = (words: Words): ProgramEffect =>
  words.some((word) => word === null || /[[\]`$]/.test(word))
    ? unknown('the shell may evaluate a word as a variable')
    : NOTHING

const test = (words: Words): ProgramEffect =>
  words.some((word) => (word === null ? false : /^-[vR]$/.test(word)))
    ? unknown('the shell may evaluate a word as a variable')
    : NOTHING

const printf = (words: Words): ProgramEffect =>
  words[0] === null || words[0]?.startsWith('-v') === true
    ? unknown('the shell may evaluate a word as a variable')
    : NOTHING

type Reading = (words: Words, place: Place) => ProgramEffect

const PROGRAMS: ReadonlyMap<string, Reading> = new Map<string, Reading>([
  ...entries(
    harmless,
    'echo true false : whoami id groups uname uptime w pwd tr sleep seq yes tty logname nproc arch basename dirname expr',
    'printenv ps pgrep vmstat iostat lscpu lsblk lsmod free wait exit return break continue shift jobs ulimit umask type which cd times getconf locale',
  ),
  ...entries(
    reads,
    'cat tac head tail wc md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum cksum sum od hexdump strings',
    'zcat cut paste comm cmp diff join fold fmt nl rev readlink realpath base64 base32 stat df who last column pathchk',
  ),
  ...entries(grep, 'grep egrep fgrep zgrep'),
  ...entries(readsUnless(/^-[a-zA-Z]*C|^--compile/, 'file may write a file'), 'file'),
  ...entries(lists(false), 'ls dir vdir'),
  ...entries(lists(true), 'du'),
  ...entries(
    readsUnless(/^-[a-zA-Z]*o|^--out|^--compress|^-T|^--temp/, 'sort may write a file or run a program'),
    'sort',
  ),
  ...entries(readsUnless(/^-[a-zA-Z]*o/, 'tree may write a file'), 'tree'),
  ...entries(writes, 'rm unlink shred touch mkdir mkfifo mknod tee truncate'),
  ...entries(rmdir, 'rmdir'),
  ...entries(changes, 'chmod chown chgrp'),
  ...entries(copies(false), 'cp install'),
  ...entries(copies(true), 'mv ln link'),
  ...entries(dd, 'dd'),
  ...entries(uniq, 'uniq'),
  ...entries(find, 'find'),
  ...entries(date, 'date'),
  ...entries(withoutOperands('hostname may set the name of the host'), 'hostname'),
  ...entries(names, 'unset read declare typeset local export readonly mapfile readarray getopts'),
  ...entries(test, 'test ['),
  ...entries(printf, 'printf'),
])

function entries(reading: Reading, ...lists: readonly string[]): [string, Reading][] {
  return lists.flatMap((list) => list.split(' ').map((name): [string, Reading] => [name, reading]))
}

/** The program's name where it is one of the system's; undefined where it is a file of somebody's. */
export function plainName(name: string): string | undefined {
  if (!name.includes('/')) return name
  return /^\/(usr\/)?(local\/)?s?bin\/([^/]+)$/.exec(name)?.[3]
}
