import { z } from 'zod'
import { checkLogin, patternList } from '../policy/patterns.ts'
import type { CommandEffect, StatementMatch } from '../policy/policy.ts'
import {
  describeKinds,
  matchesKind,
  matchesUnknown,
  listed,
  REWRITE_ADVICE,
  type Contradiction,
  type Vocabulary,
} from '../policy/vocabulary.ts'
import { matchesGlob } from '../shared/glob.ts'
import type { HostStatement } from './command/facts.ts'
import { matchesPath } from './path-patterns.ts'
import { checkCommandLine, checkHost, checkPath, checkProgram } from './patterns.ts'

/** How policy speaks of what happens on a host. */
export const hostVocabulary: Vocabulary<HostStatement> = {
  type: 'host',
  about: 'hosts',
  hasColumns: false,
  fields: {
    commands: {
      schema: patternList(checkCommandLine).describe(
        'command lines: word by word, * within a word, ... as the last word for any more words',
      ),
      otherwise: (value) => `names other commands: ${listed(value)}`,
      describe: (value) => `like ${listed(value)}`,
    },
    programs: {
      schema: patternList(checkProgram).describe('programs by name (systemctl), or by path'),
      otherwise: (value) => `names other programs: ${listed(value)}`,
      describe: (value) => `running ${listed(value)}`,
    },
    arguments: {
      schema: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe('words after the program, with * for any characters'),
      otherwise: (value) => `names other arguments: ${listed(value)}`,
      describe: (value) => `with ${listed(value)}`,
    },
    paths: {
      schema: patternList(checkPath).describe(
        'absolute paths that are read or written; * within a name, ** for all below, and the directory itself',
      ),
      otherwise: (value) => `names other paths: ${listed(value)}`,
      describe: (value) => `touching ${listed(value)}`,
    },
    writesPaths: {
      schema: patternList(checkPath).describe('as paths, of those that are written, removed or changed'),
      otherwise: (value) => `names writes to other paths: ${listed(value)}`,
      describe: (value) => `writing ${listed(value)}`,
    },
    hosts: {
      schema: patternList(checkHost).describe('host:port of what is forwarded, with * for either'),
      otherwise: (value) => `names other hosts: ${listed(value)}`,
      describe: (value) => `to ${listed(value)}`,
    },
    logins: {
      schema: patternList(checkLogin).describe('accounts on the target'),
      otherwise: (value) => `names other logins: ${listed(value)}`,
      describe: (value) => `as ${listed(value)}`,
    },
  },
  otherWords: { users: 'use `logins` for accounts on the host, `who` for people' },
  namedInFull: new Set(['shell', 'forward-local', 'forward-remote']),
  alsoKinds: {},
  // What a host does not say of a command is in its text, but nothing on such a host asks.
  toldByText: new Set(),
  answersOpaque: ['programs', 'commands'],
  matches: matchesHostStatement,
  name,
  subject: name,
  whyMaybe,
  opaque: ({ opaque }) => opaque,
  adviceOnUnknown: ({ unknown }) =>
    unknown.length > 0 ? REWRITE_ADVICE : 'ask your administrator for a rule that names the program',
  contradictions,
  variables: {
    argv: { type: 'list<string>', absent: [] },
    login: { type: 'string', absent: '' },
    opaque: { type: 'list<string>', absent: [] },
    endpoints: { type: 'list<string>', absent: [] },
  },
  // Of a word that nobody can tell, nothing is said to be true.
  values: (statement) => {
    const { argv, login, opaque, endpoints } = statement
    return argv.includes(null) || isUnread(statement) ? undefined : { argv, login, opaque, endpoints }
  },
}

/** As the schema of the fields gives it. */
interface HostMatch {
  readonly kinds?: readonly string[]
  readonly unknown?: boolean
  /** Command lines on a host, word for word. */
  readonly commands?: readonly string[]
  readonly programs?: readonly string[]
  readonly arguments?: readonly string[]
  /** Paths that are read or written. */
  readonly paths?: readonly string[]
  /** As `paths`, of those that are written. */
  readonly writesPaths?: readonly string[]
  /** `host:port` of what is forwarded. */
  readonly hosts?: readonly string[]
  readonly logins?: readonly string[]
}

/**
 * Whether a rule is about this command, file operation or forwarded connection. As with statements of a database: a
 * rule that refuses or holds matches when any part is named, or may be; a rule that allows only when all of it is, surely.
 */
function matchesHostStatement(given: StatementMatch, effect: CommandEffect['type'], statement: HostStatement): boolean {
  const match = given as HostMatch
  const allows = effect === 'allow'
  const { argv, kinds, reads, writes, endpoints, unknown } = statement
  const namesProgram = match.programs !== undefined || match.commands !== undefined
  // What is denied is denied also where only the program is known.
  const answersOpaque = effect !== 'deny' && namesProgram
  const isUnknown = unknown.length > 0 || (statement.opaque.length > 0 && !answersOpaque)
  if (!matchesUnknown(match.unknown, effect, isUnknown)) return false
  if (effect !== 'deny' && statement.named && !kinds.every((kind) => match.kinds?.includes(kind) ?? false)) return false
  if (match.kinds !== undefined && !some(allows, kinds, match.kinds, matchesKind)) return false
  if (match.logins !== undefined && !match.logins.includes(statement.login)) return false
  // A command line that could not be read may run any program with any words, and touch any path.
  if (!allows && isUnread(statement)) return match.hosts === undefined
  if (match.programs !== undefined && !matchesProgram(match.programs, argv[0], allows)) return false
  if (match.commands !== undefined && !match.commands.some((pattern) => matchesCommandLine(pattern, argv, allows)))
    return false
  if (match.arguments !== undefined) {
    const words = argv.slice(1)
    if (
      !some(allows, words, match.arguments, (pattern, word) => (word === null ? !allows : matchesGlob(pattern, word)))
    )
      return false
  }
  if (match.paths !== undefined && !somePath(allows, [...reads, ...writes], match.paths)) return false
  if (match.writesPaths !== undefined && !somePath(allows, writes, match.writesPaths)) return false
  // One that cannot be read may be any.
  const isAnyHost = !allows && endpoints.length > 0 && unknown.length > 0
  if (match.hosts !== undefined && !isAnyHost && !some(allows, endpoints, match.hosts, matchesEndpoint)) return false
  return true
}

/** A command of which not even the program is known. */
const isUnread = ({ kinds, argv, unknown }: HostStatement): boolean =>
  kinds.includes('exec') && unknown.length > 0 && (argv[0] ?? null) === null

/** Parts that no command on a host has together. Source: what the engine for SSH reports of each kind. */
function contradictions(match: StatementMatch, kinds: readonly string[] | undefined): Contradiction[] {
  const found: Contradiction[] = []
  const program = (['commands', 'programs', 'arguments'] as const).find((field) => match[field] !== undefined)
  const file = (['paths', 'writesPaths'] as const).find((field) => match[field] !== undefined)
  const hosts = match['hosts'] !== undefined
  if (hosts && (program ?? file) !== undefined) {
    const message = `hosts is about forwarded connections and ${program ?? file} about commands: nothing has both`
    found.push({ field: 'hosts', message })
  }
  if (kinds === undefined) return found
  const may = (pattern: RegExp): boolean => kinds.some((kind) => pattern.test(kind))
  if (program !== undefined && !may(/^exec$/)) found.push({ field: program, message: `${program} needs the kind exec` })
  if (file !== undefined && !may(/^(exec$|file-)/))
    found.push({ field: file, message: `${file} needs the kind exec, or one that begins with file-` })
  if (hosts && !may(/^(forward-|port-forward$)/))
    found.push({ field: 'hosts', message: 'hosts needs the kind forward-local, forward-remote or port-forward' })
  return found
}

/** The program of a command, where a connection leads, otherwise what kind of statement it is. */
function name(statement: HostStatement): string {
  const kind = describeKinds(statement)
  if (statement.endpoints.length > 0) return `${kind} to ${statement.endpoints.join(', ')}`
  if (statement.kinds[0] !== 'exec') return kind
  const [program] = statement.argv
  return program === undefined ? 'this command' : (program ?? 'a program that only the shell knows')
}

function whyMaybe(given: StatementMatch, statement: HostStatement): string | undefined {
  const match = given as HostMatch
  const { argv, reads, writes } = statement
  if (isUnread(statement) && namesWhatRuns(match)) return 'could not be read, and may run and touch anything'
  const isOnlyMaybe = (paths: readonly string[], patterns: readonly string[] | undefined): boolean =>
    patterns !== undefined &&
    !somePath(
      false,
      paths.filter((path) => path !== ANY_PATH),
      patterns,
    )
  if (isOnlyMaybe(writes, match.writesPaths)) return 'may write to any path'
  if (isOnlyMaybe([...reads, ...writes], match.paths))
    return writes.includes(ANY_PATH) ? 'may write to any path' : 'may read any path'
  const namesWords = match.programs !== undefined || match.commands !== undefined || match.arguments !== undefined
  return namesWords && argv.includes(null) ? 'has words that only the shell knows' : undefined
}

const namesWhatRuns = ({ programs, commands, arguments: words, paths, writesPaths }: HostMatch): boolean =>
  [programs, commands, words, paths, writesPaths].some((field) => field !== undefined)

/** A path that nobody can tell. */
const ANY_PATH = '**'

/** Of nothing, nothing is named. */
const some = <T>(
  all: boolean,
  items: readonly T[],
  patterns: readonly string[],
  matches: (pattern: string, item: T) => boolean,
): boolean => {
  const named = (item: T): boolean => patterns.some((pattern) => matches(pattern, item))
  return items.length > 0 && (all ? items.every(named) : items.some(named))
}

const somePath = (all: boolean, paths: readonly string[], patterns: readonly string[]): boolean =>
  some(all, paths, patterns, (pattern, path) => matchesPath(pattern, path, all))

/**
 * A name means the program that the target finds by that name, or in the directories of the system. To refuse or to
 * hold, any path that ends in it is enough.
 */
function matchesProgram(patterns: readonly string[], program: string | null | undefined, allows: boolean): boolean {
  if (program === undefined) return false
  if (program === null) return !allows
  const at = program.lastIndexOf('/')
  const directory = program.slice(0, at + 1)
  return patterns.some(
    (pattern) =>
      pattern === program ||
      (!pattern.includes('/') &&
        matchesGlob(pattern, program.slice(at + 1)) &&
        (!allows || at < 0 || SYSTEM_DIRECTORIES.has(directory))),
  )
}

/** Word by word; `*` stands for any characters of one word but a slash, a last `...` for any more words. */
function matchesCommandLine(pattern: string, argv: readonly (string | null)[], allows: boolean): boolean {
  const words = pattern.split(/\s+/).filter((word) => word !== '')
  const open = words.at(-1) === '...'
  const fixed = open ? words.slice(0, -1) : words
  if (argv.length < fixed.length || (!open && argv.length > fixed.length)) return false
  return fixed.every((word, index) => {
    const given = argv[index] ?? null
    if (given === null) return !allows
    if (index === 0) return matchesProgram([word], given, allows)
    if (allows && word.includes('*') && (given.startsWith('-') !== word.startsWith('-') || climbs(given))) return false
    return matchesGlob(word, given) && (!allows || slashes(word) === slashes(given) || word.endsWith('**'))
  })
}

const slashes = (word: string): number => word.split('/').length
const climbs = (word: string): boolean => word.split('/').includes('..')

/** `host:port`; `*` for either. Hosts as the client wrote them: a name is not looked up, so an address has to be named, too. */
function matchesEndpoint(pattern: string, endpoint: string): boolean {
  const [host, port] = splitEndpoint(pattern)
  const [ofHost, ofPort] = splitEndpoint(endpoint)
  return matchesGlob(host.toLowerCase(), ofHost.toLowerCase().replace(/\.$/, '')) && (port === '*' || port === ofPort)
}

function splitEndpoint(text: string): [string, string] {
  const at = text.lastIndexOf(':')
  return at < 0 ? [text, '*'] : [text.slice(0, at).replace(/^\[|\]$/g, ''), text.slice(at + 1)]
}

const SYSTEM_DIRECTORIES = new Set([
  '/bin/',
  '/sbin/',
  '/usr/bin/',
  '/usr/sbin/',
  '/usr/local/bin/',
  '/usr/local/sbin/',
])
