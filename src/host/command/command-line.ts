import type { HostFacts, HostStatement } from './facts.ts'
import { hostStatement, type CommandLineScope } from './host-statement.ts'
import { ANYWHERE, climbs } from './paths.ts'
import { readTransfer } from './transfers.ts'
import { TooComplex } from './findings.ts'
import { Reader } from './script-reader.ts'

/**
 * What a command line does, by the grammar of the account's shell. Where shells read a text differently, or the text
 * hides what it does, its effect is unknown. Never throws.
 */
export function readCommandLine(text: string, scope: CommandLineScope): HostFacts {
  try {
    return read(text, scope)
  } catch (error) {
    return hiddenCommand(scope, error instanceof TooComplex ? error.message : NESTED)
  }
}

function read(text: string, scope: CommandLineScope): HostFacts {
  const reason = unreadable(text)
  if (reason !== undefined) return hiddenCommand(scope, reason)
  const isForeign = scope.shell === 'other' || scope.shell === 'unanswered'
  const transfer = isForeign && !isPlainEverywhere(text) ? undefined : readTransfer(text, scope)
  if (transfer !== undefined) return { type: 'exec', statements: settled(transfer, scope) }
  if (scope.shell === 'unanswered')
    return hiddenCommand(scope, 'the target did not report the login shell in time; the next command asks again')
  if (isForeign) return hiddenCommand(scope, "the account's login shell is not one that the gateway can read")
  const reader = new Reader(scope, scope.shell === 'bash' ? 'bash' : 'sh')
  reader.text(text)
  const statements = reader.result()
  if (statements.length === 0) return hiddenCommand(scope, 'it contains no command')
  return { type: 'exec', statements: settled(statements, scope) }
}

/**
 * What a program does that is run with these words, with no shell in between; where it is one itself, what it runs. Where a terminal is its
 * input, a shell without a script is an interactive one. Never throws.
 */
export function readArgv(words: readonly string[], scope: CommandLineScope, hasTerminal: boolean): HostFacts {
  const { login } = scope
  const text = words.join(' ')
  if (words.length === 0) return hiddenCommand(scope, 'it contains no command')
  const reason = unreadable(text)
  if (reason !== undefined) return hiddenCommand(scope, reason)
  if (hasTerminal && isInteractiveShell(words))
    return { type: 'shell', statements: [hostStatement(login, { kinds: ['shell'], argv: [...words], named: true })] }
  try {
    const reader = new Reader(scope, 'sh')
    reader.argv(words)
    return { type: 'exec', statements: settled(reader.result(), scope) }
  } catch (error) {
    return hiddenCommand(scope, error instanceof TooComplex ? error.message : NESTED)
  }
}

/** One that reads commands from whoever sits at the terminal, with options that change nothing about that. */
function isInteractiveShell([program = '', ...options]: readonly string[]): boolean {
  const [, name = ''] = /^(?:(?:\/usr(?:\/local)?)?\/bin\/)?([a-z]+)$/.exec(program) ?? []
  return SHELLS.has(name) && options.every((option) => /^(-[il]{1,2}|--login|--norc|--noprofile)$/.test(option))
}

const SHELLS = new Set(['sh', 'ash', 'bash', 'dash', 'ksh', 'mksh', 'zsh'])

/** Words that every shell takes as they are, and git-shell as well. */
const isPlainEverywhere = (text: string): boolean =>
  /^[\w./][\w ./:,@%+='-]*$/.test(text) && !/[ '][=%+@]|''/.test(text)

/** Nothing is known of it but why. */
export const hiddenCommand = ({ login }: CommandLineScope, reason: string): HostFacts => ({
  type: 'exec',
  statements: [hostStatement(login, { kinds: ['exec'], unknown: [reason] })],
})

/** Where nobody asks the target, a path that only the target can tell is any. */
function settled(statements: readonly HostStatement[], { resolvesPaths }: CommandLineScope): readonly HostStatement[] {
  if (resolvesPaths === true) return statements
  const plain = (paths: readonly string[]): string[] => [
    ...new Set(paths.map((path) => (climbs(path) ? ANYWHERE : path))),
  ]
  return statements.map((one) => ({ ...one, reads: plain(one.reads), writes: plain(one.writes) }))
}

/** Why nobody reads it, whatever shell it is for. */
function unreadable(text: string): string | undefined {
  if (text.length > MAX_LENGTH) return `a command line of more than ${MAX_LENGTH} characters is not analysed`
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)) return 'it contains control characters'
  // The parser looks for the end of each of these, one within the other.
  if ((text.match(/[({`]|<</g)?.length ?? 0) > MAX_OPENERS)
    return `a command line with more than ${MAX_OPENERS} groups and substitutions is not analysed`
  return undefined
}

const NESTED = 'a command line nested this deeply is not analysed'
const MAX_LENGTH = 65_536
const MAX_OPENERS = 1000
