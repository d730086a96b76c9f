import { canonicalJson } from '../shared/canonical-json.ts'
import type { SealedRecording } from '../recording/recording-file.ts'
import type { KnownRecording, Recovery } from '../recording/recover.ts'
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

    /** What the audit chain, not a table that anybody can write to, says of the records of these sessions. */
    async knownRecordings(sessions: readonly string[]): Promise<Map<string, KnownRecording>> {
      const known = new Map<string, KnownRecording>()
      for (let at = 0; at < sessions.length; at += AT_ONCE) {
        const rows = await db.read
          .selectFrom('audit')
          .select(['type', 'subject', 'data'])
          .where('subject', 'in', sessions.slice(at, at + AT_ONCE))
          .where('type', 'in', [
            'session.opened',
            'recording.sealed',
            'recording.recovered',
            'recording.damaged',
            'recording.missing',
          ])
          .orderBy('seq')
          .execute()
        for (const { type, subject, data: json } of rows) {
          const data = JSON.parse(json) as AuditEntry['data']
          const before = known.get(subject)
          if (type === 'session.opened') known.set(subject, { ...before, file: String(data['recording']) })
          else if (before === undefined || data['stray'] === true) continue
          else if (type === 'recording.damaged') known.set(subject, { ...before, problem: String(data['problem']) })
          else if (type === 'recording.missing') known.set(subject, { ...before, problem: 'was missing at a start' })
          else known.set(subject, { ...before, sha256: String(data['sha256']) })
        }
      }
      return known
    },

    /** Makes the store say what a start has found. */
    recovered: ({ recordings, journals }: Recovery) =>
      db.change(async (tx) => {
        for (const { journal, tail, reason } of journals)
          if (journal !== undefined) await gatewayDid(tx, 'journal.recovered', journal, { tail, reason })
        for (const found of recordings) {
          const session = found.type === 'sealed' ? found.sealed.session : found.session
          const known = await findRecording(tx, session)
          if (found.type === 'sealed') {
            if (known !== undefined && known.state !== 'open') continue
            await noteSealed(tx, found.file, found.sealed, { tail: found.tail, problem: found.problem }, Date.now())
            continue
          }
          if (known?.state === 'open' && !found.stray)
            await saveRecording(tx, { ...known, state: 'damaged', changedAt: Date.now() })
          const data = { problem: found.reason, file: found.file, ...(found.stray ? { stray: true } : {}) }
          // Each start finds what is left where it was: the chain has it once.
          if (!(await hasEntry(tx, 'recording.damaged', session, data)))
            await gatewayDid(tx, 'recording.damaged', session, data)
        }
        for (const open of await listRecordings(tx, { state: 'open' }, 1_000_000)) {
          await saveRecording(tx, { ...open, state: 'missing', changedAt: Date.now() })
          await gatewayDid(tx, 'recording.missing', open.sessionId, { file: open.file })
        }
      }),

    /** A recording is whole. */
    sealed: (file: string, sealed: SealedRecording, now: number) =>
      db.changeSoon((tx) => noteSealed(tx, file, sealed, {}, now)),

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

    apartNotErased: (row: RecordingRow, problem: string) =>
      db.change((tx) => gatewayDid(tx, 'recording.apart_not_erased', row.sessionId, { problem })),

    /** The home keeps it. */
    notDeleted: (row: RecordingRow, problem: string) =>
      update(row.sessionId, 'recording.not_deleted', () => ({ state: 'stored' }), { problem }),

    storageChanged: (type: 'recording.failed' | 'recording.back', reason: string) =>
      db.change((tx) => gatewayDid(tx, type, 'recording', { reason })),
  }
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

/** Subjects in one query. */
const AT_ONCE = 500
