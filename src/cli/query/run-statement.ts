import type { Review } from '../../api/schemas/review.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'
import type { AgentConnection } from '../../agent/control-client.ts'
import type { QueryConnection, QueryText } from '../../protocols/query-client.ts'
import { PamError } from '../../shared/errors.ts'
import { forHowLong } from '../command.ts'
import { HoldWatch } from './hold-watch.ts'
import { ResultCollector, type ResultSet } from './results.ts'

export interface StatementRun {
  readonly api: Pick<ApiClient, 'reviews'>
  readonly agent: Pick<AgentConnection, 'onEvent' | 'onHold'>
  readonly target: string
  readonly text: QueryText
  /** Milliseconds that the statement may run; the time that it is held does not count. */
  readonly timeoutMs: number
  readonly connect: () => Promise<QueryConnection>
  readonly held: (review: Review) => void
  /** What was held may run now. */
  readonly decided?: () => void
  /** What the target says beside its answer. */
  readonly notice: (message: string) => void
  readonly signal: AbortSignal
  /** What was answered, also where it fails: by default, one that only the outcome has. */
  readonly collector?: ResultCollector
}

/** Runs one text to its end. Rejects where it fails, runs for too long, or is aborted: then the gateway cancels or withdraws it. */
export async function runStatement(run: StatementRun): Promise<readonly ResultSet[]> {
  const { text, timeoutMs, signal, collector = new ResultCollector() } = run
  const over = new AbortController()
  const connection = await run.connect()
  let timer: NodeJS.Timeout | undefined
  const { promise: stopped, stop } = stopper()
  const startTimer = (): void => {
    timer = setTimeout(() => stop(timedOut(timeoutMs)), timeoutMs)
  }
  const watch = new HoldWatch({
    reviews: run.api.reviews,
    target: run.target,
    held(review) {
      clearTimeout(timer)
      run.held(review)
    },
    decided() {
      startTimer()
      run.decided?.()
    },
    signal: over.signal,
  })
  const onAbort = (): void => stop(signal.reason)
  signal.addEventListener('abort', onAbort)
  run.agent.onHold((hold) => watch.hear(hold))
  run.agent.onEvent(({ target, message }) => {
    if (target === run.target) run.notice(`pam: ${message}`)
  })
  startTimer()
  try {
    signal.throwIfAborted()
    const answered = connection.run(text, (part) => {
      if (part.type !== 'notice') return collector.hear(part)
      run.notice(part.message)
    })
    await Promise.race([answered, stopped])
    connection.close()
    return collector.results
  } finally {
    connection.close()
    clearTimeout(timer)
    over.abort()
    signal.removeEventListener('abort', onAbort)
  }
}

const timedOut = (timeoutMs: number): PamError =>
  new PamError('STATEMENT_TIMEOUT', `the statement was not finished after ${forHowLong(timeoutMs)} and was cancelled`, {
    hint: 'give a longer --timeout, or ask for less',
  })

function stopper(): { readonly promise: Promise<never>; readonly stop: (reason: unknown) => void } {
  let stop: (reason: unknown) => void = () => {}
  const promise = new Promise<never>((_, reject) => (stop = reject))
  promise.catch(() => {})
  return { promise, stop }
}
