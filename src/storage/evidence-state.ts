import type { AuditEventType } from '../recording/audit-event-types.ts'
import { canonicalJson } from '../shared/canonical-json.ts'
import type { Clock } from '../shared/clock.ts'
import type { Recovery } from '../recording/recover.ts'
import type { TransferState } from '../recording/transfer.ts'
import { appendAudit, type AuditEntry } from './audit.ts'
import type { AuditedState } from './audited-state.ts'
import type { Database, Tx } from './database.ts'
import { findRecording, listRecordings, noteSealed, saveRecording, type RecordingRow } from './recordings.ts'

/** What keeps the evidence in order asks of the store; each change with its audit entry, in one transaction. */
export function evidenceState(db: Database, clock: Pick<Clock, 'now'>) {
  const gatewayDid = (tx: Tx, type: AuditEventType, subject: string, data: AuditEntry['data']): Promise<void> =>
    noteDone(tx, clock.now(), { type, subject, data })
  const update = (
    session: string,
    type: AuditEventType,
    change: (row: RecordingRow) => Partial<RecordingRow>,
    data: AuditEntry['data'],
  ): Promise<void> =>
    db.changeSoon(async (tx) => {
      const row = await findRecording(tx, session)
      if (row === undefined) return
      await saveRecording(tx, { ...row, ...change(row), changedAt: clock.now() })
      await gatewayDid(tx, type, session, data)
    })

  const transfer: TransferState = {
    async sealedRecordings() {
      const rows = await listRecordings(db.read, { state: 'sealed' }, 500)
      return rows.map(({ sessionId, file, sealed }) => ({
        session: sessionId,
        file,
        bytes: sealed?.bytes ?? 0,
        sha256: sealed?.sha256 ?? '',
      }))
    },
    sealed: (records) =>
      db.changeSoon(async (tx) => {
        const now = clock.now()
        for (const { file, sealed, home } of records) await noteSealed(tx, file, sealed, { home }, now)
      }),
    stored: (session, home) => update(session, 'recording.stored', () => ({ state: 'stored', home }), { home }),
    homeChanged: (home, problem) =>
      db.change((tx) =>
        problem === undefined
          ? gatewayDid(tx, 'home.back', 'home', { home })
          : gatewayDid(tx, 'home.failed', 'home', { home, problem }),
      ),
    damaged: (session, problem) => update(session, 'recording.damaged', () => ({ state: 'damaged' }), { problem }),
  }

  return {
    transfer,

    journalBegun: (begun: { journal: string; commitment: string }) =>
      db.change((tx) => gatewayDid(tx, 'journal.begun', begun.journal, { commitment: begun.commitment })),

    journalReleased: (journal: string) => db.changeSoon((tx) => gatewayDid(tx, 'journal.released', journal, {})),

    /** Makes the store say what a start has found; which records were open the audit chain says. */
    recovered: (found: Recovery, audited: AuditedState) =>
      db.change((tx) => noteRecovered(tx, found, audited, clock.now())),

    /** Deleted by rule, with the digest of what was. */
    deleted: (row: RecordingRow, rule: string) =>
      update(row.sessionId, 'recording.deleted', () => ({ state: 'deleted' }), {
        rule,
        sha256: row.sealed?.sha256,
        bytes: row.sealed?.bytes,
      }),

    /** Its time is over by rule, and the home keeps it until then: the chain has it once for each end. */
    retained: (row: RecordingRow, rule: string, until: string | undefined) =>
      db.change(async (tx) => {
        const data = { rule, until: until ?? null }
        if (!(await hasEntry(tx, 'recording.retained', row.sessionId, data)))
          await gatewayDid(tx, 'recording.retained', row.sessionId, data)
      }),

    detachedNotErased: (row: RecordingRow, problem: string) =>
      db.change((tx) => gatewayDid(tx, 'recording.apart_not_erased', row.sessionId, { problem })),

    /** The home keeps it. */
    notDeleted: (row: RecordingRow, problem: string) =>
      update(row.sessionId, 'recording.not_deleted', () => ({ state: 'stored' }), { problem }),

    storageChanged: (type: 'recording.failed' | 'recording.back', reason: string) =>
      db.change((tx) => gatewayDid(tx, type, 'recording', { reason })),
  }
}

const noteDone = (tx: Tx, now: number, entry: Omit<AuditEntry, 'actor'>): Promise<void> =>
  appendAudit(tx, now, { ...entry, actor: 'gateway' })

async function noteRecovered(
  tx: Tx,
  { recordings, journals }: Recovery,
  audited: AuditedState,
  now: number,
): Promise<void> {
  for (const { journal, tail, reason } of journals)
    if (journal !== undefined)
      await noteDone(tx, now, { type: 'journal.recovered', subject: journal, data: { tail, reason } })
  const open = new Map([...audited.recordings].filter(([, { state }]) => state === 'open'))
  for (const found of recordings) {
    const session = found.type === 'sealed' ? found.sealed.session : found.session
    if (found.type === 'sealed') {
      open.delete(session)
      const said = audited.recordings.get(session)
      if (said?.sealed === undefined)
        await noteSealed(tx, found.file, found.sealed, { tail: found.tail, problem: found.problem }, now)
      else if (said.state === 'stored') await moveAgain(tx, session, now)
      continue
    }
    if (!found.stray) {
      open.delete(session)
      await noteDamaged(tx, session, now)
    }
    const data = { problem: found.reason, file: found.file, ...(found.stray ? { stray: true } : {}) }
    // Each start finds what is left where it was: the chain has it once.
    if (!(await hasEntry(tx, 'recording.damaged', session, data)))
      await noteDone(tx, now, { type: 'recording.damaged', subject: session, data })
  }
  for (const [session, { file }] of open) {
    const row = await findRecording(tx, session)
    if (row !== undefined) await saveRecording(tx, { ...row, state: 'missing', changedAt: now })
    await noteDone(tx, now, { type: 'recording.missing', subject: session, data: { file } })
  }
}

async function noteDamaged(tx: Tx, session: string, now: number): Promise<void> {
  const row = await findRecording(tx, session)
  if (row?.state === 'open' || row?.state === 'sealed')
    await saveRecording(tx, { ...row, state: 'damaged', changedAt: now })
}

/**
 * The chain says that the home has it, and it is in the spool: the stop came before it was removed there, or somebody laid it there. The
 * transfer removes it once the home shows that it has exactly this file.
 */
async function moveAgain(tx: Tx, session: string, now: number): Promise<void> {
  const row = await findRecording(tx, session)
  if (row !== undefined) await saveRecording(tx, { ...row, state: 'sealed', changedAt: now })
}

async function hasEntry(tx: Tx, type: string, subject: string, data: AuditEntry['data']): Promise<boolean> {
  const rows = await tx
    .selectFrom('audit')
    .select('data')
    .where('subject', '=', subject)
    .where('type', '=', type)
    .execute()
  return rows.some((row) => row.data === canonicalJson(data))
}
