import type { Login } from '../identity/login.ts'
import type { Tx } from './database.ts'
import type { Reader } from './page.ts'
import type { LoginTable } from './schema.ts'

export async function saveLogin(tx: Tx, login: Login): Promise<void> {
  const row: LoginTable = {
    id: login.id,
    person_id: login.person.id,
    person_kind: login.person.kind,
    person_label: login.person.label,
    groups: JSON.stringify(login.person.groups),
    thumbprint: login.thumbprint,
    email: login.email ?? null,
    auth_time: login.authTime ?? null,
    proven_until: login.provenUntil,
    created_at: login.createdAt,
    ended_at: login.endedAt ?? null,
  }
  await tx
    .insertInto('logins')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

export async function findLogin(db: Reader, id: string): Promise<Login | undefined> {
  const row = await db.selectFrom('logins').selectAll().where('id', '=', id).executeTakeFirst()
  return row && fromRow(row)
}

/** Everybody whom this label names, or ever named. */
export async function personIds(db: Reader, label: string): Promise<string[]> {
  const rows = await db.selectFrom('logins').select('person_id').distinct().where('person_label', '=', label).execute()
  return rows.map(({ person_id }) => person_id)
}

/** The last label of each of these people. */
export async function personLabels(db: Reader, ids: readonly string[]): Promise<Record<string, string>> {
  if (ids.length === 0) return {}
  const rows = await db
    .selectFrom('logins')
    .select(['person_id', 'person_label'])
    .where('person_id', 'in', [...new Set(ids)])
    .orderBy('created_at')
    .execute()
  // Later ones win: a label may change.
  return Object.fromEntries(rows.map(({ person_id, person_label }) => [person_id, person_label]))
}

/** Every login of a person that has not ended. */
export async function openLoginsOf(db: Reader, personId: string): Promise<Login[]> {
  const rows = await db
    .selectFrom('logins')
    .selectAll()
    .where('person_id', '=', personId)
    .where('ended_at', 'is', null)
    .execute()
  return rows.map(fromRow)
}

/** Logins whose issuer has verified this address, of people who are signed in and proven now. */
export async function provenLoginsByEmail(db: Reader, email: string, now: number): Promise<Login[]> {
  const rows = await db
    .selectFrom('logins')
    .selectAll()
    .where('email', '=', email.toLowerCase())
    .where('person_kind', '=', 'person')
    .where('ended_at', 'is', null)
    .where('proven_until', '>', now)
    .execute()
  return rows.map(fromRow)
}

/** The login of this person at this key that has not ended. */
export async function openLogin(db: Reader, personId: string, thumbprint: string): Promise<Login | undefined> {
  const row = await db
    .selectFrom('logins')
    .selectAll()
    .where('person_id', '=', personId)
    .where('thumbprint', '=', thumbprint)
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  return row && fromRow(row)
}

/**
 * Notes that an identity token is used with this key, and says whether it was used before: with this key, or with another one.
 * Tokens that have expired are forgotten: they are refused for that.
 */
export async function useToken(
  tx: Tx,
  used: { digest: string; thumbprint: string; expiresAt: number },
  now: number,
): Promise<'new' | 'used' | 'elsewhere'> {
  await tx
    .deleteFrom('used_tokens')
    .where('expires_at', '<', now - 60_000)
    .execute()
  const known = await tx
    .selectFrom('used_tokens')
    .select('thumbprint')
    .where('digest', '=', used.digest)
    .executeTakeFirst()
  if (known !== undefined) return known.thumbprint === used.thumbprint ? 'used' : 'elsewhere'
  await tx
    .insertInto('used_tokens')
    .values({ digest: used.digest, thumbprint: used.thumbprint, expires_at: used.expiresAt })
    .execute()
  return 'new'
}

const fromRow = (row: LoginTable): Login => ({
  id: row.id,
  person: {
    id: row.person_id,
    kind: row.person_kind,
    label: row.person_label,
    groups: JSON.parse(row.groups) as string[],
  },
  thumbprint: row.thumbprint,
  email: row.email ?? undefined,
  authTime: row.auth_time ?? undefined,
  provenUntil: row.proven_until,
  createdAt: row.created_at,
  endedAt: row.ended_at ?? undefined,
})
