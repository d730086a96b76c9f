import type { Tx } from './database.ts'
import type { Reader } from './page.ts'
import type { ProviderLogoutTable } from './schema.ts'

/** Notes that a logout token was used. False where it was used before: also before a restart. */
export async function useLogoutToken(
  tx: Tx,
  { issuer, jti, expiresAt }: { readonly issuer: string; readonly jti: string; readonly expiresAt: number },
  now: number,
): Promise<boolean> {
  await tx.deleteFrom('provider_logouts').where('expires_at', '<', now).execute()
  if ((await noted(tx, issuer, 'token', jti)) !== undefined) return false
  await tx.insertInto('provider_logouts').values({ issuer, kind: 'token', name: jti, expires_at: expiresAt }).execute()
  return true
}

/** Notes that a session at a provider has ended: its tokens prove nothing from now on. */
export const noteSessionLogout = (tx: Tx, issuer: string, session: string, now: number): Promise<void> =>
  note(tx, { issuer, kind: 'session', name: session, expires_at: now + KEPT_FOR })

export const hasSessionLoggedOut = async (db: Reader, issuer: string, session: string): Promise<boolean> =>
  (await noted(db, issuer, 'session', session)) !== undefined

/** Notes that all sessions of a subject at a provider have ended: tokens issued before prove nothing from now on. */
export const noteSubjectLogout = (tx: Tx, issuer: string, subject: string, now: number): Promise<void> =>
  note(tx, { issuer, kind: 'subject', name: subject, expires_at: now + KEPT_FOR })

/** When all sessions of a subject last ended; milliseconds since 1970. */
export async function subjectLoggedOutAt(db: Reader, issuer: string, subject: string): Promise<number | undefined> {
  const row = await noted(db, issuer, 'subject', subject)
  return row && row.expires_at - KEPT_FOR
}

async function note(tx: Tx, row: ProviderLogoutTable): Promise<void> {
  await tx
    .insertInto('provider_logouts')
    .values(row)
    .onConflict((conflict) => conflict.columns(['issuer', 'kind', 'name']).doUpdateSet({ expires_at: row.expires_at }))
    .execute()
}

const noted = (db: Reader, issuer: string, kind: ProviderLogoutTable['kind'], name: string) =>
  db
    .selectFrom('provider_logouts')
    .select('expires_at')
    .where('issuer', '=', issuer)
    .where('kind', '=', kind)
    .where('name', '=', name)
    .executeTakeFirst()

/** Milliseconds. Longer than a provider keeps a session alive by refresh tokens. Rows have when it is over: another value would move what is noted. */
const KEPT_FOR = 400 * 86_400_000
