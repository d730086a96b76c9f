import type { ResultSet } from '../query/results.ts'
import type { ErrorBody } from '../../shared/errors.ts'

/** What a process of its own is given to run. */
export interface Job {
  readonly target: string
  readonly sql: string
  readonly parameters: readonly (string | null)[]
  readonly maxRows: number
  /** Milliseconds. */
  readonly timeoutMs: number
}

/** What it says to the command that started it: once, that the statement is held or what came of it. */
export type JobReport =
  | { readonly type: 'held'; readonly id: string; readonly expiresAt: string; readonly approvers: readonly string[] }
  | { readonly type: 'done'; readonly results: readonly ResultSet[] }
  | { readonly type: 'failed'; readonly error: ErrorBody & { readonly sqlstate?: string } }

export function isJob(value: unknown): value is Job {
  if (typeof value !== 'object' || value === null) return false
  const job: Partial<Record<keyof Job, unknown>> = value
  return (
    typeof job.target === 'string' &&
    typeof job.sql === 'string' &&
    Array.isArray(job.parameters) &&
    typeof job.maxRows === 'number' &&
    typeof job.timeoutMs === 'number'
  )
}

export function isReport(value: unknown): value is JobReport {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false
  return value.type === 'held' || value.type === 'done' || value.type === 'failed'
}
