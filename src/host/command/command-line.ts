import type { HostFacts, HostStatement } from './facts.ts'
import { hostStatement, type CommandLineScope } from './host-statement.ts'
import { ANYWHERE, climbs } from './paths.ts'
import { readTransfer } from './transfers.ts'
import { TooComplex, Reader } from './script-reader.ts'

/**
 * What a command line does, by the grammar of the account's shell. Where shells read a text differently, or the text
 * hides what it does, its effect is unknown. Never throws.
 */
export function readCommandLine(text: string, scope: CommandLineScope): HostFacts {
  try {
    return read(text, scope)
  } catch (error) {
    const reason = error instanceof TooComplex ? error.message : 'a command line nested this deeply is not analysed'
    return hiddenCommand(scope, reason)
  }
}

export function read(text: string, scope: CommandLineScope): HostFacts {
  if (text.length > MAX_LENGTH)
    return hiddenCommand(scope, `a command line of more than ${MAX_LENGTH} characters is not analysed`)
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)) return hiddenCommand(scope, 'it contains control characters')
  // The parser looks for the end of each of these, one within the other.
  if ((text.match(/[({`]|<</g)?.length ?? 0) > MAX_OPENERS)
    return hiddenCommand(scope, `a command line with more than ${MAX_OPENERS} groups and substitutions is not analysed`)
  const isForeign = scope.shell === 'other' || scope.shell === 'unanswered'
  const transfer = isForeign && !isPlainEverywhere(text) ? undefined : readTransfer(text, scope)
  if (transfer !== undefined) return { type: 'exec', statements: settled(transfer, scope) }
  if (scope.shell === 'unanswered')
    return hiddenCommand(scope, 'the target has not said in time which shell reads it; the next command asks again')
  if (isForeign) return hiddenCommand(scope, "the account's login shell is not one that the gateway can read")
  const reader = new Reader(scope, scope.shell === 'bash' ? 'bash' : 'sh')
  reader.text(text)
  const statements = reader.result()
  if (statements.length === 0) return hiddenCommand(scope, 'there is no command in it')
  return { type: 'exec', statements: settled(statements, scope) }
}

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
const MAX_LENGTH = 65_536
const MAX_OPENERS = 1000
