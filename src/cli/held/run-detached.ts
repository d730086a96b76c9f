import type { AgentConnection } from '../../agent/control-client.ts'
import type { Target } from '../../api/schemas/access.ts'
import type { Review } from '../../api/schemas/review.ts'
import type { ApiClient } from '../../gateway-client/api-client.ts'
import type { ListenerInfo } from '../../protocols/client-half.ts'
import { loginOptions, openPort } from '../open-target.ts'
import { targetNamed } from '../target-named.ts'
import { StatementError } from '../../protocols/query-client.ts'
import { localError, PamError, toErrorBody } from '../../shared/errors.ts'
import type { CliContext } from '../context.ts'
import { interruptible } from '../interruption.ts'
import { openQueryOf } from '../query/open-query.ts'
import { runStatement } from '../query/run-statement.ts'
import { isJob, type Job, type JobOutput, type JobReport, type Outcome } from './job.ts'
import { ResultStore, type KeptResult } from './result-store.ts'
import { runCommand } from './run-command.ts'

/** The process that a job runs in: reports once, and keeps what comes of a statement or command that was held. */
export async function runDetached(context: CliContext): Promise<void> {
  const job = await new Promise<unknown>((resolve) => process.once('message', resolve))
  if (!isJob(job)) throw new PamError('USAGE', 'run-detached is started by pamctl alone')
  let hasReported = false
  const report = (said: JobReport): void => {
    if (hasReported || process.send === undefined) return
    hasReported = true
    // The command that started this may have left.
    process.send(said, () => process.connected && process.disconnect())
  }
  let kept: KeptResult | undefined
  const store = new ResultStore(context.paths().home)
  try {
    const api = await context.client()
    const target = targetNamed(await api.targets(), job.target)
    const person = (await api.whoami()).person.id
    const agent = await context.agent()
    const run: JobRun = {
      api,
      target,
      agent,
      listener: await openPort(context, agent, target, {}, true),
      held(review) {
        if (kept === undefined) store.save((kept = newResult(review, api.gateway, person)))
        else store.update((kept = { ...kept, ...waitFor(review) }))
        const { id, expiresAt, approvers } = review
        report({ type: 'held', id, expiresAt, approvers: approvers.groups })
      },
      decided() {
        if (kept !== undefined) store.update((kept = { ...kept, state: 'running' }))
      },
    }
    const outcome = await interruptible(({ signal }) => outcomeOf(context, job, { ...run, signal }))
    if (kept !== undefined) store.update({ ...kept, ...outcome, state: 'done' })
    report(
      'results' in outcome
        ? { type: 'done', results: outcome.results }
        : { type: 'exited', exitCode: outcome.output.exitCode },
    )
  } catch (thrown) {
    const error = errorBody(thrown)
    if (kept !== undefined) store.update({ ...kept, state: 'failed', error })
    report({ type: 'failed', error })
  }
}

interface JobRun {
  readonly api: ApiClient
  readonly target: Target
  readonly agent: AgentConnection
  readonly listener: ListenerInfo
  readonly held: (review: Review) => void
  readonly decided: () => void
}

async function outcomeOf(
  context: CliContext,
  job: Job,
  run: JobRun & { readonly signal: AbortSignal },
): Promise<Outcome> {
  const { target, listener } = run
  switch (job.type) {
    case 'statement': {
      const { sql, parameters, maxRows, timeoutMs } = job
      const results = await runStatement({
        ...run,
        target: target.name,
        text: { sql, parameters, maxRows },
        timeoutMs,
        connect: () => openQueryOf(target)({ target, listener }),
        notice: () => {},
      })
      return { results }
    }
    case 'command': {
      const { environment } = context
      const login = await loginOptions(context, run.api.gateway)
      return { output: await runCommand(job, { ...run, login, environment, pass }) }
    }
  }
}

/** To the command that waits; where it has left, nowhere. */
const pass = (output: JobOutput): Promise<void> =>
  new Promise((resolve) => {
    if (process.send === undefined || !process.connected) return resolve()
    process.send(output, () => resolve())
  })

const waitFor = ({ id, approvers }: Review) => ({ state: 'held', waitsFor: id, approvers: approvers.groups }) as const

const newResult = (review: Review, gateway: string, person: string): KeptResult => ({
  version: 1,
  id: review.id,
  target: review.target,
  gateway,
  person,
  // A held command has a session, and a session has a grant.
  grant: { id: review.grant?.id ?? '', endsAt: review.grant?.endsAt ?? review.expiresAt },
  startedAt: new Date().toISOString(),
  pid: process.pid,
  ...waitFor(review),
})

function errorBody(thrown: unknown) {
  const isAborted = thrown instanceof Error && thrown.name === 'AbortError'
  const error = isAborted
    ? new PamError('HOLD_WITHDRAWN', 'the process that kept its connection was stopped, and the gateway withdrew it')
    : localError(thrown, 'pamctl')
  return { ...toErrorBody(error), ...(error instanceof StatementError ? { sqlstate: error.sqlstate } : {}) }
}
