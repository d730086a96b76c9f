import { sql } from 'kysely'
import { canonicalJson, type Json } from '../shared/canonical-json.ts'
import { AUDIT_GENESIS, auditHash, type AuditRecord } from '../recording/audit-chain.ts'
import type { AuditEventType } from '../recording/audit-event-types.ts'
import { newId } from '../shared/id.ts'
import { toWellFormed } from '../shared/well-formed.ts'
import { auditHead } from './audit-head.ts'
import { compiledOnce } from './compiled-once.ts'
import type { Tx } from './database.ts'
import type { Reader } from './page.ts'
import type { AuditTable } from './schema.ts'

/** One entry of the audit chain: who did what to what. */
export interface AuditEntry {
  readonly type: AuditEventType
  /** A person's id, or `gateway`. */
  readonly actor: string
  /** The id of what changed. */
  readonly subject: string
  readonly data: { readonly [key: string]: Json | undefined }
}

/** Appends within the transaction that makes the change. Each entry's hash covers the one before it. */
export async function appendAudit(tx: Tx, now: number, entry: AuditEntry): Promise<void> {
  const last = await auditHead(tx)
  await append(tx, now, entry, Math.max(0, Math.floor(last?.seq ?? 0)) + 1, last?.hash ?? AUDIT_GENESIS)
}

/**
 * Says that the chain before it does not hold. A row that somebody laid there may already name the same entry as the one before it, which
 * the store would refuse; the chain is broken at this place in any case.
 */
export async function appendAltered(tx: Tx, now: number, data: AuditEntry['data']): Promise<void> {
  // What sorts behind every number would stand behind every later entry: it keeps its content, and gets a number of its own.
  await sql`update audit set seq = ${-Number.MAX_SAFE_INTEGER} + rowid where seq > ${Number.MAX_SAFE_INTEGER}`.execute(
    tx,
  )
  const last = await auditHead(tx)
  const seq = Math.max(0, Math.floor(last?.seq ?? 0)) + 1
  const hash = last?.hash ?? AUDIT_GENESIS
  const taken = await tx.selectFrom('audit').select('id').where('previous', '=', hash).executeTakeFirst()
  const previous =
    taken === undefined ? hash : auditHash({ ...NOTHING, seq, id: newId('aud'), at: now, previous: hash })
  await append(tx, now, { type: 'audit.altered', actor: 'gateway', subject: 'audit', data }, seq, previous)
}

async function append(tx: Tx, now: number, entry: AuditEntry, seq: number, previous: string): Promise<void> {
  const row = {
    seq,
    id: newId('aud'),
    at: now,
    type: entry.type,
    actor: storable(entry.actor),
    subject: storable(entry.subject),
    data: canonicalJson(entry.data),
    previous,
  }
  await insertEntry(tx, { ...row, hash: auditHash(row), key: null, signature: null })
}

/**
 * Columns have their texts as they are, unlike the data: half of a character would come back as another one, and the chain would not verify; PostgreSQL
 * stores no NUL.
 */
const storable = (text: string): string => toWellFormed(text).replaceAll('\0', '\ufffd')

const insertEntry = compiledOnce<AuditTable, unknown>(
  ['seq', 'id', 'at', 'type', 'actor', 'subject', 'data', 'previous', 'hash', 'key', 'signature'],
  (db, entry) => db.insertInto('audit').values(entry),
)

/** The last entry about a subject. */
export async function lastAudit(db: Reader, subject: string): Promise<AuditRecord | undefined> {
  const row = await db
    .selectFrom('audit')
    .selectAll()
    .where('subject', '=', subject)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && toRecord(row)
}

export interface AuditFilter {
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly actors?: readonly string[] | undefined
  readonly target?: string | undefined
  readonly type?: string | undefined
  readonly subject?: string | undefined
  /** Anywhere in an entry, in any case. */
  readonly text?: string | undefined
}

type AuditPage = ({ readonly after: number } | { readonly before: number | undefined }) & { readonly limit: number }

/** Entries after `after`, in order; before `before`, newest first. */
export async function listAudit(db: Reader, filter: AuditFilter, page: AuditPage): Promise<AuditRecord[]> {
  const isSearch = [filter.text, filter.type, filter.actors, filter.target, filter.since, filter.until].some(
    (asked) => asked !== undefined,
  )
  // An index has those of a subject, and what comes next; everything else is looked for in a part of the chain at a time, and the
  // others are served in between.
  if (!isSearch || filter.subject !== undefined) return (await queryOf(db, filter, page).execute()).map(toRecord)
  const found: AuditTable[] = []
  for (let next: AuditPage = page; ;) {
    const edge = await edgeOf(db, next)
    const limit = page.limit - found.length
    const query = queryOf(db, filter, { ...next, limit })
    const isForward = 'after' in next
    const rows = await (edge === undefined ? query : query.where('seq', isForward ? '<=' : '>=', edge)).execute()
    found.push(...rows)
    if (edge === undefined || found.length >= page.limit) return found.map(toRecord)
    next = isForward ? { after: edge, limit } : { before: edge, limit }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The number of the entry that so many further on is the last of a part; undefined where there are not so many. */
async function edgeOf(db: Reader, page: AuditPage): Promise<number | undefined> {
  const rows = db.selectFrom('audit').select('seq').where('seq', '<=', Number.MAX_SAFE_INTEGER)
  const ahead =
    'after' in page
      ? rows.where('seq', '>', page.after).orderBy('seq')
      : rows.where('seq', '<', page.before ?? Number.MAX_SAFE_INTEGER).orderBy('seq', 'desc')
  const edge = await ahead
    .limit(1)
    .offset(BATCH_SIZE - 1)
    .executeTakeFirst()
  return edge?.seq
}

function queryOf(db: Reader, filter: AuditFilter, page: AuditPage) {
  let query = db.selectFrom('audit').selectAll().limit(page.limit)
  if ('after' in page) query = query.where('seq', '>', page.after).orderBy('seq')
  else {
    query = query.orderBy('seq', 'desc')
    if (page.before !== undefined) query = query.where('seq', '<', page.before)
  }
  query = query.where('seq', '<=', Number.MAX_SAFE_INTEGER)
  if (filter.subject !== undefined) query = query.where('subject', '=', filter.subject)
  if (filter.text !== undefined) {
    const part = `%${escapeLike(filter.text.toLowerCase())}%`
    query = query.where((eb) =>
      eb.or(
        (['type', 'actor', 'subject', 'data'] as const).map((column) => eb(eb.fn('lower', [column]), 'like', part)),
      ),
    )
  }
  if (filter.since !== undefined) query = query.where('at', '>=', filter.since)
  if (filter.until !== undefined) query = query.where('at', '<', filter.until)
  if (filter.actors !== undefined) query = query.where('actor', 'in', [...filter.actors, ''])
  if (filter.type !== undefined) query = query.where('type', 'like', `${escapeLike(filter.type)}%`)
  const { target } = filter
  if (target !== undefined) {
    const named = `%${escapeLike(`"target":${JSON.stringify(target)}`)}%`
    query = query.where((eb) =>
      eb.or([
        eb('subject', '=', target),
        eb('data', 'like', named),
        eb('subject', 'in', eb.selectFrom('sessions').select('id').where('target', '=', target)),
      ]),
    )
  }
  return query
}

function toRecord({ at, data, key, signature, ...row }: AuditTable): AuditRecord {
  return {
    ...row,
    ...readable(at, data),
    ...(key === null || signature === null ? {} : { key, signature }),
  }
}

/** A row that somebody laid into the store does not keep the others from being read; verification says of it that it was changed. */
function readable(at: number, data: string): Pick<AuditRecord, 'at' | 'data'> {
  try {
    return { at: new Date(at).toISOString(), data: JSON.parse(data) as AuditRecord['data'] }
  } catch {
    return { at: new Date(0).toISOString(), data: { unreadable: data } }
  }
}

/** Reads % and _ as any one character: a filter may show more than was asked for, never less. */
const escapeLike = (text: string): string => text.replaceAll(/[%_]/g, '_')

/** Entries that are looked through at a time: some tens of milliseconds. */
const BATCH_SIZE = 20_000
const NOTHING = { type: '', actor: '', subject: '', data: '' }
