import type { Readable, Writable } from 'node:stream'

/** All that one run of `pamctl` has of the process that it runs in: several runs may share one. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv
  readonly streams: ProgramStreams
  /** The time, in milliseconds since the epoch. */
  readonly now: () => number
}

/** Standard input, output and error, each a terminal or not. */
export interface ProgramStreams {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
}
