import type { AuditRecord } from '../recording/audit-chain.ts'

/** Somewhere audit entries are sent to, in order. */
export interface Destination {
  /** Resolves once the other side has them, as far as its protocol tells. */
  send(records: readonly AuditRecord[]): Promise<void>
  close(): void
}

export type Format = (record: AuditRecord) => string
