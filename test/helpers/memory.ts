import { readFileSync } from 'node:fs'

/** Megabytes of memory that a process has (Linux: RSS). */
export const megabytesOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
