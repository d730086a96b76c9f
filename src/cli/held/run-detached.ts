import type { Review } from '../../api/schemas/review.ts'
import { openPort } from '../open-target.ts'
import { targetNamed } from '../target-named.ts'
import { StatementError } from '../../protocols/query-client.ts'
import { localError, PamError, toErrorBody } from '../../shared/errors.ts'
import type { CliContext } from '../context.ts'
import { interruptible } from '../interruption.ts'
import { openQueryOf } from '../query/open-query.ts'
import { runStatement } from '../query/run-statement.ts'
import { isJob, type Job, type JobReport } from './job.ts'
import { ResultStore, type KeptResult } from './result-store.ts'

/** The process that a job runs in: reports once, and keeps what comes of a statement that was held. */
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
    const { api, target } = await targetOf(context, job)
    const person = (await api.whoami()).person.id
    const held = (review: Review): void => {
      if (kept === undefined) store.save((kept = newResult(review, api.gateway, person)))
      else store.update((kept = { ...kept, waitsFor: review.id }))
      const { id, expiresAt, approvers } = review
      report({ type: 'held', id, expiresAt, approvers: approvers.groups })
    }
    const agent = await context.agent()
    const listener = await openPort(context, agent, target, {}, true)
    const { sql, parameters, maxRows, timeoutMs } = job
    const results = await interruptible(async ({ signal }) =>
      runStatement({
        api,
        agent,
        target: target.name,
        text: { sql, parameters, maxRows },
        timeoutMs,
        connect: () => openQueryOf(target)({ target, listener }),
        held,
        notice: () => {},
        signal,
      }),
    )
    if (kept !== undefined) store.update({ ...kept, state: 'done', results })
    report({ type: 'done', results })
  } catch (thrown) {
    const error = errorBody(thrown)
    if (kept !== undefined) store.update({ ...kept, state: 'failed', error })
    report({ type: 'failed', error })
  }
}

async function targetOf(context: CliContext, job: Job) {
  const api = await context.client()
  return { api, target: targetNamed(await api.targets(), job.target) }
}

const newResult = ({ id, grant, expiresAt, target }: Review, gateway: string, person: string): KeptResult => ({
  version: 1,
  id,
  target,
  gateway,
  person,
  // A held command has a session, and a session has a grant.
  grant: { id: grant?.id ?? '', endsAt: grant?.endsAt ?? expiresAt },
  startedAt: new Date().toISOString(),
  pid: process.pid,
  state: 'running',
  waitsFor: id,
})

function errorBody(thrown: unknown) {
  const isAborted = thrown instanceof Error && thrown.name === 'AbortError'
  const error = isAborted
    ? new PamError('HOLD_WITHDRAWN', 'the process that kept the statement was stopped, and the gateway withdrew it')
    : localError(thrown, 'pamctl')
  return { ...toErrorBody(error), ...(error instanceof StatementError ? { sqlstate: error.sqlstate } : {}) }
}
