import type { Readable, Writable } from 'node:stream'
import type { HttpCall } from '../shared/http-call.ts'

/** All that one run of `pamctl` has of the process that it runs in: several runs may share one. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv
  readonly streams: ProgramStreams
  /** The time, in milliseconds since the epoch. */
  readonly now: () => number
  /** How a gateway is called whose certificate the authority in this PEM has signed; undefined: one that the system trusts. */
  readonly httpCall: (ca: string | undefined) => HttpCall
}

/** Standard input, output and error, each a terminal or not. */
export interface ProgramStreams {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
}
