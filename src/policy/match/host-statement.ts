import type { HostStatement, Statement } from '../command.ts'
import type { CommandEffect, StatementMatch } from '../policy.ts'
import { fitsGlob, fitsPath } from './path.ts'
import { fitsKind } from './statement.ts'

/**
 * Whether a rule is about this command, file operation or forwarded connection. As with statements of a database: a
 * rule that refuses or holds fits when any part is named, or may be; a rule that allows only when all of it is, surely.
 */
export function fitsHostStatement(
  match: StatementMatch,
  effect: CommandEffect['type'],
  statement: HostStatement,
): boolean {
  const allows = effect === 'allow'
  const { argv, kinds, reads, writes, endpoints, unknown } = statement
  if (SQL_ONLY.some((field) => match[field] !== undefined)) return false
  const namesProgram = match.programs !== undefined || match.commands !== undefined
  const hidden = unknown.length > 0 || (statement.opaque.length > 0 && !namesProgram)
  if (effect !== 'deny' && hidden && match.unknown !== true) return false
  if (effect === 'deny' && match.unknown === true && unknown.length + statement.opaque.length === 0) return false
  if (effect !== 'deny' && statement.named && !kinds.every((kind) => match.kinds?.includes(kind) ?? false)) return false
  if (match.kinds !== undefined && !some(allows, kinds, match.kinds, fitsKind)) return false
  if (match.logins !== undefined && !match.logins.includes(statement.login)) return false
  if (match.programs !== undefined && !fitsProgram(match.programs, argv[0], allows)) return false
  if (match.commands !== undefined && !match.commands.some((pattern) => fitsCommandLine(pattern, argv, allows)))
    return false
  if (match.arguments !== undefined) {
    const words = argv.slice(1)
    if (!some(allows, words, match.arguments, (pattern, word) => (word === null ? !allows : fitsGlob(pattern, word))))
      return false
  }
  if (match.paths !== undefined && !somePath(allows, [...reads, ...writes], match.paths)) return false
  if (match.writesPaths !== undefined && !somePath(allows, writes, match.writesPaths)) return false
  if (match.hosts !== undefined && !some(allows, endpoints, match.hosts, fitsEndpoint)) return false
  return true
}

/** What a rule can answer by naming the program. */
export const opaqueOf = (statement: Statement): readonly string[] => ('opaque' in statement ? statement.opaque : [])

/** Of nothing, nothing is named. */
const some = <T>(
  all: boolean,
  items: readonly T[],
  patterns: readonly string[],
  fits: (pattern: string, item: T) => boolean,
): boolean => {
  const named = (item: T): boolean => patterns.some((pattern) => fits(pattern, item))
  return items.length > 0 && (all ? items.every(named) : items.some(named))
}

const somePath = (all: boolean, paths: readonly string[], patterns: readonly string[]): boolean =>
  some(all, paths, patterns, (pattern, path) => fitsPath(pattern, path, all))

/**
 * A name means the program that the target finds by that name, or in the directories of the system. To refuse or to
 * hold, any path that ends in it is enough.
 */
function fitsProgram(patterns: readonly string[], program: string | null | undefined, allows: boolean): boolean {
  if (program === undefined) return false
  if (program === null) return !allows
  const at = program.lastIndexOf('/')
  const directory = program.slice(0, at + 1)
  return patterns.some(
    (pattern) =>
      pattern === program ||
      (!pattern.includes('/') &&
        fitsGlob(pattern, program.slice(at + 1)) &&
        (!allows || at < 0 || SYSTEM_DIRECTORIES.has(directory))),
  )
}

/** Word by word; `*` stands for any characters of one word but a slash, a last `...` for any more words. */
function fitsCommandLine(pattern: string, argv: readonly (string | null)[], allows: boolean): boolean {
  const words = pattern.split(/\s+/).filter((word) => word !== '')
  const open = words.at(-1) === '...'
  const fixed = open ? words.slice(0, -1) : words
  if (argv.length < fixed.length || (!open && argv.length > fixed.length)) return false
  return fixed.every((word, index) => {
    const given = argv[index] as string | null
    if (given === null) return !allows
    if (index === 0) return fitsProgram([word], given, allows)
    if (allows && word.includes('*') && (given.startsWith('-') !== word.startsWith('-') || climbs(given))) return false
    return fitsGlob(word, given) && (!allows || slashes(word) === slashes(given) || word.endsWith('**'))
  })
}

const slashes = (word: string): number => word.split('/').length
const climbs = (word: string): boolean => word.split('/').includes('..')

/** `host:port`; `*` for either. Hosts as the client wrote them: a name is not looked up, so an address has to be named, too. */
function fitsEndpoint(pattern: string, endpoint: string): boolean {
  const [host, port] = splitEndpoint(pattern)
  const [ofHost, ofPort] = splitEndpoint(endpoint)
  return fitsGlob(host.toLowerCase(), ofHost.toLowerCase().replace(/\.$/, '')) && (port === '*' || port === ofPort)
}

function splitEndpoint(text: string): [string, string] {
  const at = text.lastIndexOf(':')
  return at < 0 ? [text, '*'] : [text.slice(0, at).replace(/^\[|\]$/g, ''), text.slice(at + 1)]
}

/** What only a database has: a rule that names one of these is not about hosts. */
const SQL_ONLY = ['relations', 'writes', 'functions', 'missingWhere'] as const
const SYSTEM_DIRECTORIES = new Set([
  '/bin/',
  '/sbin/',
  '/usr/bin/',
  '/usr/sbin/',
  '/usr/local/bin/',
  '/usr/local/sbin/',
])
