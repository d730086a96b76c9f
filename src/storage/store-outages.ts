import { appendAudit } from './audit.ts'
import type { Database } from './database.ts'

/** Puts on record that a store of credentials stopped working, or works again. */
export const noteStoreChange = (
  db: Database,
  { what, problem }: { readonly what: string; readonly problem: string | undefined },
): Promise<void> =>
  db.change((tx) =>
    appendAudit(tx, Date.now(), {
      type: problem === undefined ? 'credentials.available' : 'credentials.unavailable',
      actor: 'gateway',
      subject: `credentials ${what}`,
      data: { what, ...(problem === undefined ? {} : { problem }) },
    }),
  )
