import type { AuditEventType } from '../recording/audit-event-types.ts'
import type { Clock } from '../shared/clock.ts'
import { appendAudit, lastAudit } from './audit.ts'
import type { Database } from './database.ts'
import type { Reader } from './page.ts'

/** A change of a sealed secret, without anything of the secret. */
interface Change {
  readonly name: string
  readonly version: number
  /** Undefined for one that was removed. */
  readonly master: string | undefined
  readonly changedAt: string
  readonly by: string
}

/** Changes of sealed secrets stand in the audit chain, where nobody takes them back. */
export function sealedHistoryIn(db: Database, clock: Pick<Clock, 'now'>) {
  return {
    lastVersion: (name: string): Promise<number> => lastOf(db.read, name).then(({ version }) => version),
    async note(change: Change): Promise<void> {
      if (isKnown(await lastOf(db.read, change.name), change)) return
      await db.change(async (tx) => {
        const before = await lastOf(tx, change.name)
        if (isKnown(before, change)) return
        const { name, version, master, changedAt, by } = change
        await appendAudit(tx, clock.now(), {
          type: typeOf(before, change),
          actor: 'gateway',
          subject: subjectOf(name),
          data: { name, version, changedAt, by, ...(master === undefined ? {} : { master }) },
        })
      })
    },
  }
}

interface Known {
  readonly version: number
  readonly master: unknown
}

async function lastOf(db: Reader, name: string): Promise<Known> {
  const data = (await lastAudit(db, subjectOf(name)))?.data
  return { version: Number(data?.['version'] ?? 0), master: data?.['master'] }
}

/** An older version is not on record again: it is refused where it is used. */
const isKnown = (before: Known, { version, master }: Change): boolean =>
  version < before.version || (version === before.version && master === before.master)

function typeOf({ version }: Known, change: Change): AuditEventType {
  if (change.master === undefined) return 'secret.removed'
  return version === change.version ? 'secret.rewrapped' : 'secret.set'
}

const subjectOf = (name: string): string => `secret ${name}`
