import type { Tx } from './database.ts'
import type { Reader } from './page.ts'
import type { WebSessionTable } from './schema.ts'

/** A signed-in browser. */
export interface WebSession {
  /** SHA-256 of the cookie's value, hexadecimal. */
  readonly id: string
  readonly loginId: string
  readonly createdAt: number
  /** When its person last did something. */
  readonly seenAt: number
  readonly endsAt: number
  /** The provider's refresh token, sealed under a key that only the cookie makes. */
  readonly refresh: string | undefined
  /** The name of the provider that signed it in; undefined for the first one. */
  readonly provider: string | undefined
}

export async function saveWebSession(tx: Tx, session: WebSession): Promise<void> {
  const row = {
    id: session.id,
    login_id: session.loginId,
    created_at: session.createdAt,
    seen_at: session.seenAt,
    ends_at: session.endsAt,
    refresh: session.refresh ?? null,
    provider: session.provider ?? null,
  }
  await tx
    .insertInto('web_sessions')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

export async function findWebSession(db: Reader, id: string): Promise<WebSession | undefined> {
  const row = await db.selectFrom('web_sessions').selectAll().where('id', '=', id).executeTakeFirst()
  return row && fromRow(row)
}

export const noteSeen = async (tx: Tx, id: string, now: number): Promise<void> =>
  void (await tx.updateTable('web_sessions').set({ seen_at: now }).where('id', '=', id).execute())

export const replaceRefresh = async (tx: Tx, id: string, refresh: string): Promise<void> =>
  void (await tx.updateTable('web_sessions').set({ refresh }).where('id', '=', id).execute())

export const removeWebSession = async (tx: Tx, id: string): Promise<void> =>
  void (await tx.deleteFrom('web_sessions').where('id', '=', id).execute())

/** Those whose time is over: nobody did anything since `seenBefore`, or they have reached their end. */
export async function overdueWebSessions(db: Reader, now: number, seenBefore: number): Promise<WebSession[]> {
  const rows = await db
    .selectFrom('web_sessions')
    .selectAll()
    .where((eb) => eb.or([eb('ends_at', '<=', now), eb('seen_at', '<=', seenBefore)]))
    .limit(500)
    .execute()
  return rows.map(fromRow)
}

/** No session of a browser lasts longer than one that begins now, nor was it used later than now. Returns how many said so. */
export async function boundWebSessions(tx: Tx, now: number, longest: number): Promise<number> {
  const [late] = await tx
    .updateTable('web_sessions')
    .set({ ends_at: now + longest })
    .where('ends_at', '>', now + longest)
    .execute()
  const [future] = await tx.updateTable('web_sessions').set({ seen_at: now }).where('seen_at', '>', now).execute()
  return Number((late?.numUpdatedRows ?? 0n) + (future?.numUpdatedRows ?? 0n))
}

const fromRow = (row: WebSessionTable): WebSession => ({
  id: row.id,
  loginId: row.login_id,
  createdAt: row.created_at,
  seenAt: row.seen_at,
  endsAt: row.ends_at,
  refresh: row.refresh ?? undefined,
  provider: row.provider ?? undefined,
})
