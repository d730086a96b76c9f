import { run } from '../../src/cli/run.ts'
import { httpCall } from '../../src/shared/http-call.ts'
import { programStreams, type StreamOptions } from './program-streams.ts'

export interface PamctlRun extends StreamOptions {
  /** All of it, as of a process that is started with it. */
  readonly environment: NodeJS.ProcessEnv
  readonly now?: () => number
  /** A gateway that is a stand-in. */
  readonly gateway?: typeof fetch
}

/** One run of `pamctl` within this process, by which tests save the start of another; resolves to its exit code. */
export async function runPamctl(
  args: readonly string[],
  { environment, now = Date.now, gateway, ...streams }: PamctlRun,
): Promise<number> {
  // Commander reads the variables of options from the process, all of them before the verb waits for anything.
  const own = process.env
  process.env = environment
  let running
  try {
    running = run(args, {
      environment,
      now,
      streams: programStreams(streams),
      httpCall: gateway === undefined ? httpCall : () => gateway,
    })
  } finally {
    process.env = own
  }
  return (await running).exitCode
}
