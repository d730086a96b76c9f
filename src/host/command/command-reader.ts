import type { HostFacts } from './facts.ts'
import { deadlineWorker } from '../../shared/deadline-worker.ts'
import { hiddenCommand, readCommandLine } from './command-line.ts'
import type { CommandLineScope } from './host-statement.ts'

export interface ReadingRequest {
  readonly text: string
  readonly scope: CommandLineScope
}

/** Reads command lines without holding up anybody else: short ones at once, the others in a worker with a time limit. */
export interface CommandReader {
  read(text: string, scope: CommandLineScope): Promise<HostFacts>
}

export function createCommandReader(): CommandReader {
  const worker = deadlineWorker<ReadingRequest, HostFacts>({
    module: new URL('./command-worker.js', import.meta.url),
    timeoutMs: MAX_READING_MS,
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  })
  return {
    async read(text, scope) {
      if (isSmall(text)) return readCommandLine(text, scope)
      const facts = await worker.run({ text, scope })
      if (facts === 'late') return hiddenCommand(scope, 'the command line takes too long to analyse')
      if (facts === 'broken') return hiddenCommand(scope, 'the command line is too complex to analyse')
      return facts
    },
  }
}

/** One connection's command lines are read one after the other, so that it cannot fill the queue of everybody. */
export function inOrder(reader: CommandReader): CommandReader {
  let last: Promise<unknown> = Promise.resolve()
  return {
    read(text, scope) {
      if (isSmall(text)) return reader.read(text, scope)
      const facts = last.then(() => reader.read(text, scope))
      last = facts
      return facts
    },
  }
}

/** What opens something that the parser looks for the end of, each time from where it stands. */
const isSmall = (text: string): boolean =>
  text.length <= MAX_SMALL_LENGTH && (text.match(/[({`]|<</g)?.length ?? 0) <= MAX_SMALL_OPENERS

const MAX_SMALL_LENGTH = 4000
const MAX_SMALL_OPENERS = 100
const MAX_READING_MS = 1000
