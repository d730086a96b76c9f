import { auditHash, AUDIT_GENESIS, isSignedHead } from '../recording/audit-chain.ts'
import type { SealedRecording } from '../recording/recording-file.ts'
import type { RecoveredTail } from '../recording/seal.ts'
import type { TrustedKey } from '../recording/verify.ts'
import type { Json } from '../shared/canonical-json.ts'
import type { Reader } from './page.ts'
import type { LegalHold, RecordingRow, RecordingState } from './recordings.ts'
import type { AuditTable } from './schema.ts'

/** What the audit chain says of one session's recording. */
export interface AuditedRow {
  /** Path below the spool; undefined where the chain has no `session.opened`. */
  file: string | undefined
  target: string
  openedAt: number
  state: RecordingState
  sealed: RecordingRow['sealed']
  tail: RecoveredTail | undefined
  home: string | undefined
  hold: LegalHold | undefined
  /** A start found it damaged or missing. */
  problem: string | undefined
}

/** What the verified part of the audit chain says. Nothing in it comes from any other table. */
export interface AuditedState {
  /** Where the chain does not verify; undefined where it does. */
  readonly altered: { readonly seq: number; readonly reason: string } | undefined
  readonly entries: number
  /** Sequence number of the last entry; 0 where there is none. */
  readonly last: number
  readonly recordings: ReadonlyMap<string, AuditedRow>
  readonly openSessions: ReadonlySet<string>
  /** Journals that were begun and not released. */
  readonly journals: ReadonlySet<string>
}

/**
 * Reads the whole audit table in order and verifies it: sequence numbers 1, 2, 3, …, each hash, each link, and the signature of the
 * last entry, which covers all before it. Whoever can write to the file can write any row; only what is covered by that signature
 * is believed.
 *
 * An `audit.altered` entry, itself covered by the signature, says that an earlier start found what is before it altered. The entries
 * before it are never believed again, and those after it are a chain of their own.
 */
export async function auditedState(db: Reader, signer: string, keys: readonly TrustedKey[]): Promise<AuditedState> {
  let found = nothing()
  let problem: { seq: number; reason: string } | undefined
  let entries = 0
  let last: AuditTable | undefined
  for await (const row of rows(db)) {
    entries++
    const isWhole = hasItsHash(row)
    if (row.type === 'audit.altered' && isWhole && row.seq > 0) {
      found = nothing()
      problem = undefined
    } else if (problem === undefined) {
      const expected = (last?.seq ?? 0) + 1
      if (row.seq !== expected)
        problem = { seq: expected, reason: `is missing, or has the sequence number ${String(row.seq)}` }
      else if (row.previous !== (last?.hash ?? AUDIT_GENESIS))
        problem = { seq: row.seq, reason: 'does not follow from the entry before it' }
      else if (!isWhole) problem = { seq: row.seq, reason: 'was changed' }
    }
    if (problem === undefined) note(found, row)
    last = row
  }
  if (problem === undefined && last !== undefined && !isHead(last, signer, keys))
    problem = { seq: last.seq, reason: 'is the last one, and has no signature with the key in use' }
  return { altered: problem, entries, last: lastSeq(last), ...(problem === undefined ? found : nothing()) }
}

type Found = ReturnType<typeof nothing>
const nothing = () => ({
  recordings: new Map<string, AuditedRow>(),
  openSessions: new Set<string>(),
  journals: new Set<string>(),
})

const lastSeq = (row: AuditTable | undefined): number =>
  row !== undefined && Number.isSafeInteger(row.seq) && row.seq > 0 ? row.seq : 0

/** In the order of `seq`. Without a lower bound: null and negative numbers, which come first, are seen as well. */
async function* rows(db: Reader): AsyncGenerator<AuditTable, void, undefined> {
  let after: number | undefined
  for (;;) {
    let query = db.selectFrom('audit').selectAll().orderBy('seq').limit(PAGE)
    if (after !== undefined) query = query.where('seq', '>', after)
    const page = await query.execute()
    yield* page
    const seq = page.at(-1)?.seq
    // Several null rows fill a page and never end it: they are no more than what was seen.
    if (page.length < PAGE || seq === undefined || seq === null) return
    after = seq
  }
}

function hasItsHash({ hash, key: _key, signature: _signature, ...entry }: AuditTable): boolean {
  try {
    return auditHash(entry) === hash
  } catch {
    // A blob, or a number that is none.
    return false
  }
}

/** Only the key in use signs, but for the entry that put it in use. */
function isHead(last: AuditTable, signer: string, keys: readonly TrustedKey[]): boolean {
  if (!isSignedHead(last, keys)) return false
  if (last.key === signer) return true
  return last.type === 'key.rotated' && last.subject === signer && dataOf(last)['retired'] === last.key
}

const dataOf = (row: AuditTable): Record<string, Json | undefined> =>
  JSON.parse(row.data) as Record<string, Json | undefined>

function note({ recordings, openSessions, journals }: Found, row: AuditTable): void {
  const { type, subject, at, actor } = row
  if (type === 'journal.begun') return void journals.add(subject)
  if (type === 'journal.released' || type === 'journal.recovered') return void journals.delete(subject)
  if (type === 'session.ended' || type === 'session.recovered') return void openSessions.delete(subject)
  if (type !== 'session.opened' && !type.startsWith('recording.')) return
  const data = dataOf(row)
  if (type === 'session.opened') {
    openSessions.add(subject)
    recordings.set(subject, {
      ...unopened(at),
      file: String(data['recording']),
      target: String(data['target'] ?? ''),
    })
    return
  }
  if (data['stray'] === true) return
  const known = recordings.get(subject)
  switch (type) {
    case 'recording.sealed':
    case 'recording.recovered': {
      const { status, events, bytes, sha256, hash, tail } = data
      recordings.set(subject, {
        ...(known ?? unopened(at)),
        state: 'sealed',
        sealed: {
          status: status as SealedRecording['status'],
          events: Number(events),
          bytes: Number(bytes),
          sha256: String(sha256),
          hash: String(hash),
        },
        tail: tail as RecoveredTail | undefined,
        home: undefined,
      })
      break
    }
    case 'recording.damaged': {
      const file = typeof data['file'] === 'string' ? data['file'] : undefined
      const damaged = known ?? { ...unopened(at), file }
      damaged.problem = String(data['problem'])
      // A file in the spool says nothing of what is in the home.
      if (damaged.state !== 'stored' && damaged.state !== 'deleted') damaged.state = 'damaged'
      recordings.set(subject, damaged)
      break
    }
    case 'recording.missing':
      if (known !== undefined) Object.assign(known, { state: 'missing', problem: 'was missing at a start' })
      break
    case 'recording.stored':
      if (known !== undefined) Object.assign(known, { state: 'stored', home: data['home'] })
      break
    case 'recording.deleted':
      if (known !== undefined) known.state = 'deleted'
      break
    case 'recording.not_deleted':
      if (known !== undefined) known.state = 'stored'
      break
    case 'recording.held':
      if (known !== undefined) known.hold = { by: actor, reason: String(data['reason']), at }
      break
    case 'recording.hold_lifted':
      if (known !== undefined) known.hold = undefined
      break
  }
}

const unopened = (at: number): AuditedRow => ({
  file: undefined,
  target: '',
  openedAt: at,
  state: 'open',
  sealed: undefined,
  tail: undefined,
  home: undefined,
  hold: undefined,
  problem: undefined,
})

const PAGE = 2000
