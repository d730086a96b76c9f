import type { Clock } from '../shared/clock.ts'
import { appendAudit } from './audit.ts'
import type { Database } from './database.ts'

/** Users of databases that were made for sessions and are not known to be gone. Each is on record when it is made and when it is taken back. */
export function credentialLeasesIn(db: Database, clock: Pick<Clock, 'now'>) {
  return {
    live: new Set<string>(),
    made: new Set<string>(),
    add: ({ id, reference, user }: { id: string; reference: string; user: string }): Promise<void> =>
      db.change(async (tx) => {
        const now = clock.now()
        const row = { id, reference, account: user, created_at: now }
        await tx.insertInto('credential_leases').values(row).execute()
        await appendAudit(tx, now, {
          type: 'credential.leased',
          actor: 'gateway',
          subject: id,
          data: { reference, user },
        })
      }),
    remove: (id: string, why: 'released' | 'lost' | 'left over'): Promise<void> =>
      db.change(async (tx) => {
        const row = await tx.selectFrom('credential_leases').selectAll().where('id', '=', id).executeTakeFirst()
        if (row === undefined) return
        await tx.deleteFrom('credential_leases').where('id', '=', id).execute()
        await appendAudit(tx, clock.now(), {
          type: 'credential.revoked',
          actor: 'gateway',
          subject: id,
          data: { reference: row.reference, user: row.account, why },
        })
      }),
    async list(): Promise<readonly string[]> {
      const rows = await db.read.selectFrom('credential_leases').select('id').orderBy('created_at').execute()
      return rows.map(({ id }) => id)
    },
  }
}
