import type { Clock } from '../shared/clock.ts'
import { appendAudit, lastAudit } from './audit.ts'
import type { Database } from './database.ts'

/** Host keys that were trusted because they were the first seen: they stand in the audit chain, where nobody changes them. */
export function firstUseIn(db: Database, clock: Pick<Clock, 'now'>) {
  return {
    async find(target: string): Promise<string | undefined> {
      const entry = await lastAudit(db.read, subjectOf(target))
      return entry?.data['key'] as string | undefined
    },
    /** Two connections at once keep one key: the second finds the first. Throws where that is another. */
    keep: (target: string, key: string): Promise<void> =>
      db.change(async (tx) => {
        const before = await lastAudit(tx, subjectOf(target))
        if (before?.data['key'] === key) return
        if (before !== undefined) throw new Error('two host keys at once')
        await appendAudit(tx, clock.now(), {
          type: 'target.host_key_trusted',
          actor: 'gateway',
          subject: subjectOf(target),
          data: { target, key },
        })
      }),
  }
}

const subjectOf = (target: string): string => `host-key ${target}`
