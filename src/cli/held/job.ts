import type { ResultSet } from '../query/results.ts'
import type { ErrorBody } from '../../shared/errors.ts'

/** What a process of its own is given to run. */
export type Job = StatementJob | CommandJob

export interface StatementJob {
  readonly type: 'statement'
  readonly target: string
  readonly sql: string
  readonly parameters: readonly (string | null)[]
  readonly maxRows: number
  /** Milliseconds. */
  readonly timeoutMs: number
}

/** A native client, and what it is started with. */
export interface CommandJob {
  readonly type: 'command'
  readonly target: string
  readonly program: string
  readonly args: readonly string[]
}

/** What a command printed, in base64, and what it ended with. */
export interface CommandOutput {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  /** There was more. */
  readonly truncated: boolean
}

/** What comes of a job. */
export type Outcome = { readonly results: readonly ResultSet[] } | { readonly output: CommandOutput }

/** What the process says to the command that started it: once, that it is held or what came of it. */
export type JobReport =
  | { readonly type: 'held'; readonly id: string; readonly expiresAt: string; readonly approvers: readonly string[] }
  | { readonly type: 'done'; readonly results: readonly ResultSet[] }
  /** What it printed was passed on before. */
  | { readonly type: 'exited'; readonly exitCode: number }
  | { readonly type: 'failed'; readonly error: ErrorBody & { readonly sqlstate?: string } }

/** What a command prints until it is held. */
export interface JobOutput {
  readonly type: 'output'
  readonly stream: 'stdout' | 'stderr'
  readonly bytes: Uint8Array
}

export function isJob(value: unknown): value is Job {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false
  if (value.type === 'command') {
    const job: Partial<Record<keyof CommandJob, unknown>> = value
    return typeof job.target === 'string' && typeof job.program === 'string' && Array.isArray(job.args)
  }
  const job: Partial<Record<keyof StatementJob, unknown>> = value
  return (
    job.type === 'statement' &&
    typeof job.target === 'string' &&
    typeof job.sql === 'string' &&
    Array.isArray(job.parameters) &&
    typeof job.maxRows === 'number' &&
    typeof job.timeoutMs === 'number'
  )
}

export function isReport(value: unknown): value is JobReport {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false
  return value.type === 'held' || value.type === 'done' || value.type === 'exited' || value.type === 'failed'
}

export function isOutput(value: unknown): value is JobOutput {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false
  const output: Partial<Record<keyof JobOutput, unknown>> = value
  const isStream = output.stream === 'stdout' || output.stream === 'stderr'
  return output.type === 'output' && isStream && output.bytes instanceof Uint8Array
}
