import type { SealedRecording } from '../recording/recording-file.ts'
import type { Recovery } from '../recording/recover.ts'
import type { TransferState } from '../recording/transfer.ts'
import { appendAudit, type AuditEntry } from './audit.ts'
import type { Database, Tx } from './database.ts'
import { findRecording, listRecordings, noteSealed, saveRecording, type RecordingRow } from './recordings.ts'

/** What keeps the evidence in order asks of the store; each change with its audit entry, in one transaction. */
export function evidenceState(db: Database) {
  const gatewayDid = (tx: Tx, type: string, subject: string, data: AuditEntry['data']) =>
    appendAudit(tx, Date.now(), { type, actor: 'gateway', subject, data })
  const update = (
    session: string,
    type: string,
    change: (row: RecordingRow) => Partial<RecordingRow>,
    data: AuditEntry['data'],
  ): Promise<void> =>
    db.changeSoon(async (tx) => {
      const row = await findRecording(tx, session)
      if (row === undefined) return
      await saveRecording(tx, { ...row, ...change(row), changedAt: Date.now() })
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

    /** Journals that were begun and whose going nobody wrote down. */
    async neededJournals(): Promise<string[]> {
      const rows = await db.read
        .selectFrom('audit')
        .select(['type', 'subject'])
        .where('type', 'in', ['journal.begun', 'journal.released', 'journal.recovered'])
        .orderBy('seq')
        .execute()
      const needed = new Set<string>()
      for (const { type, subject } of rows) {
        if (type === 'journal.begun') needed.add(subject)
        else needed.delete(subject)
      }
      return [...needed]
    },

    /** Makes the store say what a start has found. */
    recovered: ({ recordings, journals }: Recovery) =>
      db.change(async (tx) => {
        for (const { journal, tail, reason } of journals)
          if (journal !== undefined) await gatewayDid(tx, 'journal.recovered', journal, { tail, reason })
        for (const found of recordings) {
          const session = found.type === 'sealed' ? found.sealed.session : found.session
          const known = await findRecording(tx, session)
          if (known !== undefined && known.state !== 'open') continue
          if (found.type === 'sealed') await noteSealed(tx, found.file, found.sealed, found.tail, Date.now())
          else {
            if (known !== undefined) await saveRecording(tx, { ...known, state: 'damaged', changedAt: Date.now() })
            await gatewayDid(tx, 'recording.damaged', session, { problem: found.reason })
          }
        }
        for (const open of await listRecordings(tx, { state: 'open' }, 1_000_000)) {
          await saveRecording(tx, { ...open, state: 'missing', changedAt: Date.now() })
          await gatewayDid(tx, 'recording.missing', open.sessionId, { file: open.file })
        }
      }),

    /** A recording is whole. */
    sealed: (file: string, sealed: SealedRecording, now: number) =>
      db.changeSoon((tx) => noteSealed(tx, file, sealed, undefined, now)),

    /** Deleted by rule, with the digest of what was. */
    deleted: (row: RecordingRow, rule: string) =>
      update(row.sessionId, 'recording.deleted', () => ({ state: 'deleted' }), {
        rule,
        sha256: row.sealed?.sha256,
        bytes: row.sealed?.bytes,
      }),

    /** The home keeps it. */
    notDeleted: (row: RecordingRow, problem: string) =>
      update(row.sessionId, 'recording.not_deleted', () => ({ state: 'stored' }), { problem }),

    storageChanged: (type: 'recording.failed' | 'recording.back', reason: string) =>
      db.change((tx) => gatewayDid(tx, type, 'recording', { reason })),
  }
}
