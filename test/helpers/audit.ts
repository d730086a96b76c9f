import { AuditVerifier, type AuditCheckpoint } from '../../src/recording/audit-chain.ts'
import type { TrustedKey } from '../../src/recording/verify.ts'
import { listAudit } from '../../src/storage/audit.ts'
import type { Database } from '../../src/storage/database.ts'

/** What the chain in a store is found to be. */
export async function verifyAudit(
  db: Database,
  keys: readonly TrustedKey[],
  checkpoints: readonly AuditCheckpoint[] = [],
) {
  const verifier = new AuditVerifier(keys, checkpoints)
  for (let after = 0; ;) {
    const records = await listAudit(db.read, {}, { after, limit: 500 })
    const last = records.at(-1)
    if (last === undefined) return verifier.result()
    for (const record of records) verifier.check(record)
    after = last.seq
  }
}
