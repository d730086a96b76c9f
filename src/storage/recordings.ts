import type { SealedRecording } from '../recording/recording-file.ts'
import type { RecoveredTail } from '../recording/seal.ts'
import { appendAudit } from './audit.ts'
import { compiledOnce } from './compiled-once.ts'
import type { Tx } from './database.ts'
import type { Reader } from './page.ts'
import type { RecordingTable } from './schema.ts'

/** What became of one session's recording. */
export interface RecordingRow {
  readonly sessionId: string
  readonly target: string
  /** Path below the spool, and name in the home. */
  readonly file: string
  readonly openedAt: number
  /** `open`: being written. `sealed`: whole, in the spool. `stored`: in its home. `missing`, `damaged`: found so by a start. */
  readonly state: RecordingState
  readonly sealed: Omit<SealedRecording, 'session' | 'segments'> | undefined
  readonly tail: RecoveredTail | undefined
  /** Which home it is in. */
  readonly home: string | undefined
  readonly changedAt: number
  readonly legalHold: LegalHold | undefined
}

export type RecordingState = 'open' | 'sealed' | 'stored' | 'missing' | 'damaged' | 'deleted'

export interface LegalHold {
  readonly by: string
  readonly reason: string
  readonly at: number
}

export async function saveRecording(tx: Tx, recording: RecordingRow): Promise<void> {
  await upsertRow(tx, toRow(recording))
}

export async function findRecording(db: Reader, sessionId: string): Promise<RecordingRow | undefined> {
  const [row] = await rowOf(db, { sessionId })
  return row && fromRow(row)
}

const upsertRow = compiledOnce<RecordingTable, unknown>(
  [
    ...(['session_id', 'target', 'file', 'opened_at', 'state', 'status', 'tail'] as const),
    ...(['events', 'bytes', 'sha256', 'hash', 'home', 'changed_at', 'legal_hold'] as const),
  ],
  (db, row) =>
    db
      .insertInto('recordings')
      .values(row)
      .onConflict((conflict) => conflict.column('session_id').doUpdateSet(row)),
)

const rowOf = compiledOnce<{ sessionId: string }, RecordingTable>(['sessionId'], (db, { sessionId }) =>
  db.selectFrom('recordings').selectAll().where('session_id', '=', sessionId),
)

/** A recording is whole: its length and digest are in the chain from now on, and that a home has it where one does. */
export async function noteSealed(
  tx: Tx,
  file: string,
  { session, segments, damage, ...sealed }: SealedRecording,
  {
    tail,
    problem,
    home,
  }: {
    readonly tail?: RecoveredTail | undefined
    readonly problem?: string | undefined
    readonly home?: string | undefined
  },
  now: number,
): Promise<void> {
  const known = await findRecording(tx, session)
  await saveRecording(tx, {
    sessionId: session,
    target: known?.target ?? '',
    file,
    openedAt: known?.openedAt ?? now,
    state: home === undefined ? 'sealed' : 'stored',
    sealed,
    tail,
    home,
    changedAt: now,
    legalHold: known?.legalHold,
  })
  await appendAudit(tx, now, {
    type: sealed.status === 'recovered' ? 'recording.recovered' : 'recording.sealed',
    actor: 'gateway',
    subject: session,
    data: { ...sealed, segments, damage, tail, problem },
  })
  if (home !== undefined)
    await appendAudit(tx, now, { type: 'recording.stored', actor: 'gateway', subject: session, data: { home } })
}

/** Oldest first. */
export async function listRecordings(
  db: Reader,
  filter: { state?: RecordingState; since?: number; before?: number },
  limit: number,
  after?: { openedAt: number; sessionId: string },
): Promise<RecordingRow[]> {
  let query = db.selectFrom('recordings').selectAll().orderBy('opened_at').orderBy('session_id').limit(limit)
  if (filter.state !== undefined) query = query.where('state', '=', filter.state)
  if (filter.since !== undefined) query = query.where('opened_at', '>=', filter.since)
  if (filter.before !== undefined) query = query.where('opened_at', '<', filter.before)
  if (after !== undefined)
    query = query.where((eb) =>
      eb.or([
        eb('opened_at', '>', after.openedAt),
        eb.and([eb('opened_at', '=', after.openedAt), eb('session_id', '>', after.sessionId)]),
      ]),
    )
  return (await query.execute()).map(fromRow)
}

const toRow = (recording: RecordingRow): RecordingTable => ({
  session_id: recording.sessionId,
  target: recording.target,
  file: recording.file,
  opened_at: recording.openedAt,
  state: recording.state,
  status: recording.sealed?.status ?? null,
  tail: recording.tail ?? null,
  events: recording.sealed?.events ?? null,
  bytes: recording.sealed?.bytes ?? null,
  sha256: recording.sealed?.sha256 ?? null,
  hash: recording.sealed?.hash ?? null,
  home: recording.home ?? null,
  changed_at: recording.changedAt,
  legal_hold: recording.legalHold === undefined ? null : JSON.stringify(recording.legalHold),
})

const fromRow = (row: RecordingTable): RecordingRow => ({
  sessionId: row.session_id,
  target: row.target,
  file: row.file,
  openedAt: row.opened_at,
  state: row.state as RecordingState,
  sealed:
    row.status === null
      ? undefined
      : {
          status: row.status as SealedRecording['status'],
          events: row.events ?? 0,
          bytes: row.bytes ?? 0,
          sha256: row.sha256 ?? '',
          hash: row.hash ?? '',
        },
  tail: (row.tail as RecoveredTail | null) ?? undefined,
  home: row.home ?? undefined,
  changedAt: row.changed_at,
  legalHold: row.legal_hold === null ? undefined : (JSON.parse(row.legal_hold) as LegalHold),
})
