import { errorCodes } from '../../shared/error-codes.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { interruptible } from '../interruption.ts'
import type { Job, JobOutput, JobReport } from './job.ts'
import { errorFrom, ResultStore } from './result-store.ts'
import { startDetached } from './start-detached.ts'

interface Detaching {
  /** Options that choose the login. */
  readonly login: readonly string[]
  readonly job: Job
  readonly json: boolean
  /** What there is to fetch: `the rows`. */
  readonly what: string
  readonly heard?: (output: JobOutput) => void
}

/**
 * What came of a job that was not held. Of one that is, the approval's id is printed, this command ends with 6, and a process of its own keeps the
 * connection.
 */
export async function detach(
  context: CliContext,
  { login, job, json, what, heard }: Detaching,
): Promise<Exclude<JobReport, { readonly type: 'held' | 'failed' }>> {
  const { io } = context
  new ResultStore(context.paths().home).needRoom()
  const report = await interruptible(async (interruption) => {
    try {
      return await startDetached(context, login, job, interruption.signal, heard)
    } catch (error) {
      if (interruption.signal.aborted) throw new Exit(interruption.exitCode)
      throw error
    }
  })
  if (report.type === 'failed') throw errorFrom(report.error)
  if (report.type !== 'held') return report
  const { id, expiresAt, approvers } = report
  io.note(
    `held until somebody of ${approvers.join(' or ')} approves it; to fetch ${what}: pamctl result ${id} --wait; to take it back: pamctl withdraw ${id}`,
  )
  if (json) io.jsonLine({ value: { id, state: 'pending', expiresAt, approvers } })
  else io.print(id)
  throw new Exit(errorCodes.REQUEST_PENDING.exit)
}
