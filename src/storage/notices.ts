import type { Notice, NoticeSource } from '../notify/notice.ts'
import type { AuditRecord } from '../recording/audit-chain.ts'
import { findApprovals } from './approvals.ts'
import { listAudit } from './audit.ts'
import { auditHead } from './audit-head.ts'
import type { Database } from './database.ts'
import { findBreakGlass } from './break-glass.ts'
import { findRequests } from './requests.ts'

/** The audit chain, as those read it who tell others what happens. */
export const noticeSource = (db: Database): NoticeSource => ({
  async after(seq, limit) {
    const records = await listAudit(db.read, {}, { after: seq, limit })
    return Promise.all(records.map((record) => toNotice(db, record)))
  },
  head: async () => (await auditHead(db.read))?.seq ?? 0,
  async cursor(name) {
    const row = await db.read.selectFrom('audit_cursors').select('seq').where('name', '=', name).executeTakeFirst()
    return row?.seq
  },
  onNews: (listener) => db.onCommitted(listener),
})

async function toNotice(db: Database, { seq, type, at, actor, subject, data }: AuditRecord): Promise<Notice> {
  const find = subject.startsWith('req_') ? findRequests : subject.startsWith('apr_') ? findApprovals : undefined
  const { target, reason } = data
  return {
    seq,
    type,
    at,
    actor,
    subject,
    target: typeof target === 'string' ? target : undefined,
    reason: typeof reason === 'string' ? reason : undefined,
    review: (await find?.(db.read, subject))?.find(({ id }) => id === subject),
    breakGlass: subject.startsWith('brk_')
      ? (await findBreakGlass(db.read, subject)).find(({ id }) => id === subject)
      : undefined,
    passkey:
      type === 'passkey.registered' || type === 'passkey.removed'
        ? { person: textOf(data['label']), name: textOf(data['name']) }
        : undefined,
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
