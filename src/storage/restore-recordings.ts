import type { AuditedRow, AuditedState } from './audited-state.ts'
import { appendAudit } from './audit.ts'
import type { Database, Tx } from './database.ts'
import { findRecording, listRecordings, saveRecording, type RecordingRow } from './recordings.ts'

/**
 * Makes the table of recordings say what the audit chain says. The table decides what is moved to the home, deleted by retention and
 * read; while the gateway is stopped, anybody who has the disk can write to it. Returns the sessions whose rows were not what the
 * chain says; the chain names them as well.
 */
export async function restoreRecordings(db: Database, audited: AuditedState, now: number): Promise<string[]> {
  return db.change(async (tx) => {
    const altered: string[] = []
    const seen = new Set<string>()
    let after: { openedAt: number; sessionId: string } | undefined
    const rows: RecordingRow[] = []
    for (;;) {
      const page = await listRecordings(tx, {}, 1000, after)
      rows.push(...page)
      after = page.at(-1)
      if (page.length < 1000) break
    }
    for (const row of rows) {
      seen.add(row.sessionId)
      const said = audited.recordings.get(row.sessionId)
      if (said === undefined ? await unknown(tx, row, now) : await restore(tx, row, said, now))
        altered.push(row.sessionId)
    }
    for (const [session, said] of audited.recordings) {
      if (seen.has(session)) continue
      // A row that the list does not show, as one without a time, may still be there.
      const row = await findRecording(tx, session)
      if (row === undefined && said.file === undefined) continue
      if (row === undefined && said.problem !== undefined && said.target === '') continue
      await saveRecording(tx, rowOf(session, said, row))
      altered.push(session)
    }
    if (altered.length > 0 && audited.altered === undefined)
      await appendAudit(tx, now, {
        type: 'recordings.altered',
        actor: 'gateway',
        subject: 'recordings',
        data: { sessions: altered.slice(0, MAX_NAMED), count: altered.length },
      })
    return altered
  })
}

/** The chain does not have the session, or only in a part that is not believed any more: nothing is done with its file. */
async function unknown(tx: Tx, row: RecordingRow, now: number): Promise<boolean> {
  if (!isOwnPath(row)) {
    await tx.deleteFrom('recordings').where('session_id', '=', row.sessionId).execute()
    return true
  }
  if (row.state === 'damaged' || row.state === 'deleted') return false
  await saveRecording(tx, { ...row, state: 'damaged', changedAt: now })
  return true
}

async function restore(tx: Tx, row: RecordingRow, said: AuditedRow, now: number): Promise<boolean> {
  const right = rowOf(row.sessionId, said, row)
  if (isSame(row, right)) return false
  await saveRecording(tx, { ...right, changedAt: now })
  // A start sets it so where it finds the file in the spool, and the transfer has not looked at the home yet.
  const isMovedAgain = said.state === 'stored' && row.state === 'sealed'
  return !(isMovedAgain && isSame({ ...row, state: 'stored', home: said.home }, right))
}

const isSame = (row: RecordingRow, right: RecordingRow): boolean =>
  JSON.stringify(essence(row)) === JSON.stringify(essence(right))

const essence = ({ sessionId, target, file, openedAt, state, sealed, tail, home, legalHold }: RecordingRow) => [
  [sessionId, target, file, openedAt, state, tail, home],
  sealed === undefined ? [] : [sealed.status, sealed.events, sealed.bytes, sealed.sha256, sealed.hash],
  legalHold?.reason,
]

function rowOf(session: string, said: AuditedRow, row: RecordingRow | undefined): RecordingRow {
  const { target, openedAt, state, sealed, tail, home, hold } = said
  const isHeld = hold !== undefined && row?.legalHold?.reason === hold.reason
  return {
    sessionId: session,
    // A session that the chain has no opening of: a stop came before it, and its record was found by a start.
    target,
    file: said.file ?? (row !== undefined && isOwnPath(row) ? row.file : `${monthOf(openedAt)}/${session}.pamrec`),
    openedAt: said.file === undefined && row !== undefined ? row.openedAt : openedAt,
    state,
    sealed,
    tail,
    home,
    changedAt: row?.changedAt ?? openedAt,
    legalHold: isHeld ? row.legalHold : hold,
  }
}

const monthOf = (at: number): string => new Date(at).toISOString().slice(0, 7)

const isOwnPath = ({ file, sessionId }: RecordingRow): boolean =>
  /^\d{4}-\d{2}[\\/]ses_\w+\.pamrec$/.test(file) && file.slice(8, -'.pamrec'.length) === sessionId

/** Sessions that one entry names. */
const MAX_NAMED = 100
