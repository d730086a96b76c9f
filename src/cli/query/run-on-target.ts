import type { Option } from 'commander'
import type { Target } from '../../api/schemas/access.ts'
import type { Review } from '../../api/schemas/review.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'
import type { QueryText } from '../../protocols/query-client.ts'
import { visible, visibleInLine } from '../../shared/visible.ts'
import { durationOption } from '../command.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { interruptible } from '../interruption.ts'
import { openPort } from '../open-target.ts'
import { whileWaiting } from '../output/spinner.ts'
import { fateOf } from './interrupted.ts'
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
  /** For whoever interrupts it while it is held. */
  readonly hint?: string
}

/** Runs one text on a target at which the access is there, and shows that it runs, or what it waits for. Ctrl-C cancels or withdraws it. */
export async function runOnTarget(context: CliContext, run: TargetRun): Promise<readonly ResultSet[]> {
  const { io } = context
  const { api, target, openQuery, text, timeoutMs, collector, failed = () => {}, hint } = run
  const agent = await context.agent()
  const listener = await openPort(context, agent, target, {}, true)
  const running = `running on ${target.name}`
  return interruptible(async (interruption) => {
    let waitsFor: Review | undefined
    try {
      return await whileWaiting(io, running, (show) =>
        runStatement({
          api,
          agent,
          target: target.name,
          text,
          timeoutMs,
          connect: () => openQuery({ target, listener }),
          held(review) {
            waitsFor = review
            show(heldText(review))
          },
          decided() {
            waitsFor = undefined
            show(running)
          },
          notice: (message) => io.note(visible(message)),
          signal: interruption.signal,
          ...(collector === undefined ? {} : { collector }),
        }),
      )
    } catch (error) {
      failed(error)
      if (!interruption.signal.aborted) throw error
      io.note(waitsFor === undefined ? `cancelled what was running on ${target.name}` : await fateOf(api, waitsFor))
      if (waitsFor !== undefined && hint !== undefined) io.note(hint)
      throw new Exit(interruption.exitCode)
    }
  })
}

const heldText = ({ id, approvers }: Review): string =>
  visibleInLine(`${id} is held, waiting for ${approvers.groups.join(' or ')}; Ctrl-C withdraws it`)

export const timeoutOption = (): Option =>
  durationOption('--timeout <duration>', 'cancel after this time, not counting holds (default: 5m)', 'PAMCTL_TIMEOUT')

export const DEFAULT_TIMEOUT_MS = 5 * 60_000
