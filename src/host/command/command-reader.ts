import type { HostFacts } from './facts.ts'
import { deadlineWorker } from '../../shared/deadline-worker.ts'
import { hiddenCommand, readArgv, readCommandLine } from './command-line.ts'
import type { CommandLineScope } from './host-statement.ts'

/** A command line that a shell reads, or the words that a program is run with, and whether it has a terminal. */
export type ReadingRequest = { readonly scope: CommandLineScope } & (
  { readonly text: string } | { readonly words: readonly string[]; readonly hasTerminal: boolean }
)

/** Reads command lines without holding up anybody else: short ones at once, the others in a worker with a time limit. */
export interface CommandReader {
  read(text: string, scope: CommandLineScope): Promise<HostFacts>
  readWords(words: readonly string[], scope: CommandLineScope, hasTerminal: boolean): Promise<HostFacts>
}

export function createCommandReader(): CommandReader {
  const worker = deadlineWorker<ReadingRequest, HostFacts>({
    module: new URL('./command-worker.js', import.meta.url),
    timeoutMs: MAX_READING_MS,
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  })
  const apart = async (request: ReadingRequest): Promise<HostFacts> => {
    const facts = await worker.run(request)
    if (facts === 'late') return hiddenCommand(request.scope, 'the command line takes too long to analyse')
    if (facts === 'broken') return hiddenCommand(request.scope, 'the command line is too complex to analyse')
    return facts
  }
  return {
    read: async (text, scope) => (isSmall(text) ? readCommandLine(text, scope) : apart({ text, scope })),
    readWords: async (words, scope, hasTerminal) =>
      isSmall(words.join(' ')) ? readArgv(words, scope, hasTerminal) : apart({ words, scope, hasTerminal }),
  }
}

/** One connection's command lines are read one after the other, so that it cannot fill the queue of everybody. */
export function inOrder(reader: CommandReader): CommandReader {
  let last: Promise<unknown> = Promise.resolve()
  const after = (text: string, read: () => Promise<HostFacts>): Promise<HostFacts> => {
    if (isSmall(text)) return read()
    const facts = last.then(read)
    last = facts
    return facts
  }
  return {
    read: (text, scope) => after(text, () => reader.read(text, scope)),
    readWords: (words, scope, hasTerminal) => after(words.join(' '), () => reader.readWords(words, scope, hasTerminal)),
  }
}

/** What opens something that the parser looks for the end of, each time from where it stands. */
const isSmall = (text: string): boolean =>
  text.length <= MAX_SMALL_LENGTH && (text.match(/[({`]|<</g)?.length ?? 0) <= MAX_SMALL_OPENERS

const MAX_SMALL_LENGTH = 4000
const MAX_SMALL_OPENERS = 100
const MAX_READING_MS = 1000
