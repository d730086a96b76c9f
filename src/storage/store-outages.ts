import { appendAudit } from './audit.ts'
import type { Database } from './database.ts'

/** Puts on record that a store of credentials stopped working, or works again. */
export const noteStoreChange = (
  db: Database,
  now: number,
  { what, problem }: { readonly what: string; readonly problem: string | undefined },
): Promise<void> =>
  db.change((tx) =>
    appendAudit(tx, now, {
      type: problem === undefined ? 'credentials.available' : 'credentials.unavailable',
      actor: 'gateway',
      subject: `credentials ${what}`,
      data: { what, ...(problem === undefined ? {} : { problem }) },
    }),
  )
