import type { Option } from 'commander'
import type { Target } from '../../api/schemas/access.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'
import type { QueryText } from '../../protocols/query-client.ts'
import { visible } from '../../shared/visible.ts'
import { durationOption } from '../command.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { interruptible } from '../interruption.ts'
import { openPort } from '../open-target.ts'
import { whileWaiting } from '../output/spinner.ts'
import type { openQueryOf } from './open-query.ts'
import type { ResultCollector, ResultSet } from './results.ts'
import { runStatement } from './run-statement.ts'

export interface TargetRun {
  readonly api: ApiClient
  readonly target: Target
  readonly openQuery: ReturnType<typeof openQueryOf>
  readonly text: QueryText
  readonly timeoutMs: number
  readonly collector?: ResultCollector
  /** Called before it is known whether somebody has interrupted it. */
  readonly failed?: (error: unknown) => void
}

/** Runs one text on a target at which the access is there, and shows that it runs. Ctrl-C cancels or withdraws it. */
export async function runOnTarget(context: CliContext, run: TargetRun): Promise<readonly ResultSet[]> {
  const { io } = context
  const { api, target, openQuery, text, timeoutMs, collector, failed = () => {} } = run
  const agent = await context.agent()
  const listener = await openPort(context, agent, target, {}, true)
  return interruptible(async (interruption) => {
    try {
      return await whileWaiting(io, `running on ${target.name}`, () =>
        runStatement({
          api,
          agent,
          target: target.name,
          text,
          timeoutMs,
          connect: () => openQuery({ target, listener }),
          held: () => {},
          notice: (message) => io.note(visible(message)),
          signal: interruption.signal,
          ...(collector === undefined ? {} : { collector }),
        }),
      )
    } catch (error) {
      failed(error)
      if (interruption.signal.aborted) throw new Exit(interruption.exitCode)
      throw error
    }
  })
}

export const timeoutOption = (): Option =>
  durationOption('--timeout <duration>', 'cancel after this time, not counting holds (default: 5m)', 'PAMCTL_TIMEOUT')

export const DEFAULT_TIMEOUT_MS = 5 * 60_000
