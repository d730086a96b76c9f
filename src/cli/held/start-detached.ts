import { fork } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { PAMCTL } from '../../shared/own-program.ts'
import { PamError } from '../../shared/errors.ts'
import type { CliContext } from '../context.ts'
import { isOutput, isReport, type Job, type JobOutput, type JobReport } from './job.ts'

/**
 * Runs a job in a process of its own, which outlives this one once the statement is held. The job is handed over on a pipe: the
 * statement appears in no list of processes. `heard` gets what a command prints until then.
 */
export function startDetached(
  context: CliContext,
  login: readonly string[],
  job: Job,
  signal: AbortSignal,
  heard: (output: JobOutput) => void = () => {},
): Promise<JobReport> {
  return new Promise((resolve, reject) => {
    const log = openSync(context.paths().log, 'a', 0o600)
    const child = fork(PAMCTL, [...login, 'run-detached'], {
      detached: true,
      stdio: ['ignore', 'ignore', log, 'ipc'],
      execArgv: [],
      // Bytes stay bytes.
      serialization: 'advanced',
      env: context.environment,
    })
    closeSync(log)
    const abort = (): void => {
      child.kill('SIGTERM')
      reject(signal.reason)
    }
    signal.addEventListener('abort', abort, { once: true })
    const settle = (): void => {
      signal.removeEventListener('abort', abort)
      if (child.connected) child.disconnect()
      child.unref()
    }
    child.on('message', (report: unknown) => {
      if (isOutput(report)) return heard(report)
      settle()
      if (isReport(report)) resolve(report)
      else reject(ended())
    })
    child.on('error', reject)
    child.on('exit', () => {
      settle()
      reject(ended())
    })
    child.send(job)
  })
}

const ended = (): PamError =>
  new PamError('INTERNAL', 'the process that was to run it ended unexpectedly', {
    hint: 'agent.log in the directory of pamctl has the cause',
  })
