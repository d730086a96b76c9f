import { sql, type ExpressionBuilder } from 'kysely'
import { appendAudit } from './audit.ts'
import { compiledOnce } from './compiled-once.ts'
import type { Tx } from './database.ts'
import { afterCursor, byId, type Page, type Reader } from './page.ts'
import type { SessionTable, Tables } from './schema.ts'

/** One line of the session index. The record itself is in its file. */
export interface SessionRow {
  readonly id: string
  readonly person: { readonly id: string; readonly label: string; readonly kind: 'person' | 'service' }
  readonly target: string
  readonly protocol: string
  readonly grantId: string
  readonly loginId: string
  readonly openedAt: number
  readonly ended: { readonly at: number; readonly code: string; readonly message: string } | undefined
  readonly commands: number
  /** Of the commands, those that were denied, and those that were held. */
  readonly denied: number
  readonly held: number
  readonly recording: string
}

export interface SessionEnd {
  readonly at: number
  readonly code: string
  readonly message: string
  readonly commands: number
  readonly denied: number
  readonly held: number
}

export async function insertSession(tx: Tx, session: SessionRow): Promise<void> {
  await insertRow(tx, toRow(session))
}

const insertRow = compiledOnce<SessionTable, unknown>(
  [
    ...(['id', 'person_id', 'person_kind', 'person_label', 'target', 'protocol', 'grant_id', 'login_id'] as const),
    ...(['opened_at', 'ended_at', 'end_code', 'end_message', 'commands', 'denied', 'held', 'recording'] as const),
  ],
  (db, row) => db.insertInto('sessions').values(row),
)

export async function endSession(tx: Tx, id: string, ended: SessionEnd): Promise<void> {
  await saveEnd(tx, { ...ended, id })
}

/** The end of a session, with its entry in the audit chain at `now`. */
export async function noteEnded(tx: Tx, id: string, ended: SessionEnd, now: number): Promise<void> {
  await endSession(tx, id, ended)
  await appendAudit(tx, now, {
    type: 'session.ended',
    actor: 'gateway',
    subject: id,
    data: { code: ended.code, commands: ended.commands, denied: ended.denied, held: ended.held },
  })
}

const saveEnd = compiledOnce<SessionEnd & { id: string }, unknown>(
  ['id', 'at', 'code', 'message', 'commands', 'denied', 'held'],
  (db, { id, at, code, message, commands, denied, held }) =>
    db
      .updateTable('sessions')
      .set({ ended_at: at, end_code: code, end_message: message, commands, denied, held })
      .where('id', '=', id)
      .where('ended_at', 'is', null),
)

export async function findSessions(db: Reader, prefix: string): Promise<SessionRow[]> {
  const rows = await byId(prefix, (operator, value) =>
    db.selectFrom('sessions').selectAll().where('id', operator, value).limit(20).execute(),
  )
  return rows.map(fromRow)
}

/** Several at once. */
export async function sessionsById(db: Reader, ids: readonly string[]): Promise<ReadonlyMap<string, SessionRow>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('sessions')
    .selectAll()
    .where('id', 'in', [...new Set(ids)])
    .execute()
  return new Map(rows.map((row) => [row.id, fromRow(row)]))
}

export interface SessionFilter {
  /** Only theirs. */
  readonly personId?: string | undefined
  readonly active?: boolean | undefined
  /** Part of a name, in any case. */
  readonly person?: string | undefined
  readonly target?: string | undefined
  readonly protocol?: string | undefined
  /** Opened at or after, and before, in milliseconds. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  /** Only those with a command that was denied; that was held. */
  readonly denied?: boolean | undefined
  readonly held?: boolean | undefined
}

export async function listSessions(db: Reader, filter: SessionFilter, page: Page): Promise<SessionRow[]> {
  let query = db
    .selectFrom('sessions')
    .selectAll()
    .where(afterCursor('opened_at', page))
    .orderBy('opened_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
  if (filter.personId !== undefined) query = query.where('person_id', '=', filter.personId)
  if (filter.active === true) query = query.where('ended_at', 'is', null)
  if (filter.denied === true) query = query.where('denied', '>', 0)
  if (filter.held === true) query = query.where('held', '>', 0)
  const { person, target, protocol, since, until } = filter
  if (person !== undefined)
    query = query.where(
      sql<boolean>`lower(person_label) like ${`%${person.toLowerCase().replaceAll(/[\\%_]/g, '\\$&')}%`} escape '\\'`,
    )
  if (target !== undefined) query = query.where('target', '=', target)
  if (protocol !== undefined) query = query.where('protocol', '=', protocol)
  if (since !== undefined) query = query.where('opened_at', '>=', since)
  if (until !== undefined) query = query.where('opened_at', '<', until)
  return (await query.execute()).map(fromRow)
}

/** Which sessions to look into; `person` is an id or a label. */
export interface SearchedSessions {
  readonly personId?: string | undefined
  readonly person?: string | undefined
  readonly target?: string | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
}

/** How many there are. */
export async function countSearched(db: Reader, filter: SearchedSessions): Promise<number> {
  const { count } = await db
    .selectFrom('sessions')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where(searched(filter))
    .executeTakeFirstOrThrow()
  return Math.min(MAX_SEARCHED, count)
}

/** Newest first, and a few at a time: whoever looks into all that are kept keeps nobody waiting for the store. */
export async function* searchSessions(
  db: Reader,
  filter: SearchedSessions,
): AsyncGenerator<SessionRow, void, undefined> {
  let after: Page['after']
  for (let found = 0; found < MAX_SEARCHED;) {
    const rows = await db
      .selectFrom('sessions')
      .selectAll()
      .where(searched(filter))
      .where(afterCursor('opened_at', { limit: PAGE, after }))
      .orderBy('opened_at', 'desc')
      .orderBy('id', 'desc')
      .limit(Math.min(PAGE, MAX_SEARCHED - found))
      .execute()
    yield* rows.map(fromRow)
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) return
    found += rows.length
    after = { at: last.opened_at, id: last.id }
    // The store answers at once, and who asks may have nothing to wait for either.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function searched({ personId, person, target, since, until }: SearchedSessions) {
  return (eb: ExpressionBuilder<Tables, 'sessions'>) =>
    eb.and([
      ...(until === undefined ? [] : [eb('opened_at', '<', until)]),
      ...(personId === undefined ? [] : [eb('person_id', '=', personId)]),
      ...(person === undefined ? [] : [eb.or([eb('person_id', '=', person), eb('person_label', '=', person)])]),
      ...(target === undefined ? [] : [eb('target', '=', target)]),
      // A session that began before may have gone on.
      ...(since === undefined
        ? []
        : [eb.or([eb('opened_at', '>=', since), eb('ended_at', '>=', since), eb('ended_at', 'is', null)])]),
    ])
}

const PAGE = 500
const MAX_SEARCHED = 100_000

const toRow = (session: SessionRow): SessionTable => ({
  id: session.id,
  person_id: session.person.id,
  person_kind: session.person.kind,
  person_label: session.person.label,
  target: session.target,
  protocol: session.protocol,
  grant_id: session.grantId,
  login_id: session.loginId,
  opened_at: session.openedAt,
  ended_at: session.ended?.at ?? null,
  end_code: session.ended?.code ?? null,
  end_message: session.ended?.message ?? null,
  commands: session.commands,
  denied: session.denied,
  held: session.held,
  recording: session.recording,
})

const fromRow = (row: SessionTable): SessionRow => ({
  id: row.id,
  person: { id: row.person_id, kind: row.person_kind, label: row.person_label },
  target: row.target,
  protocol: row.protocol,
  grantId: row.grant_id,
  loginId: row.login_id,
  openedAt: row.opened_at,
  ended:
    row.ended_at === null ? undefined : { at: row.ended_at, code: row.end_code ?? '', message: row.end_message ?? '' },
  commands: row.commands,
  denied: row.denied,
  held: row.held,
  recording: row.recording,
})
