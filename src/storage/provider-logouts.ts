import type { Tx } from './database.ts'
import type { Reader } from './page.ts'

/** Notes that a logout token was used. False where it was used before: also before a restart. */
export async function useLogoutToken(
  tx: Tx,
  { issuer, jti, expiresAt }: { readonly issuer: string; readonly jti: string; readonly expiresAt: number },
  now: number,
): Promise<boolean> {
  await tx.deleteFrom('provider_logouts').where('expires_at', '<', now).execute()
  if (await isNoted(tx, issuer, 'token', jti)) return false
  await tx.insertInto('provider_logouts').values({ issuer, kind: 'token', name: jti, expires_at: expiresAt }).execute()
  return true
}

/** Notes that a session at a provider has ended: its tokens prove nothing from now on. */
export async function noteProviderLogout(tx: Tx, issuer: string, session: string, now: number): Promise<void> {
  const row = { issuer, kind: 'session' as const, name: session, expires_at: now + KEPT_FOR }
  await tx
    .insertInto('provider_logouts')
    .values(row)
    .onConflict((conflict) => conflict.columns(['issuer', 'kind', 'name']).doUpdateSet({ expires_at: row.expires_at }))
    .execute()
}

export const hasProviderLoggedOut = (db: Reader, issuer: string, session: string): Promise<boolean> =>
  isNoted(db, issuer, 'session', session)

async function isNoted(db: Reader, issuer: string, kind: 'token' | 'session', name: string): Promise<boolean> {
  const row = await db
    .selectFrom('provider_logouts')
    .select('name')
    .where('issuer', '=', issuer)
    .where('kind', '=', kind)
    .where('name', '=', name)
    .executeTakeFirst()
  return row !== undefined
}

/** Milliseconds. Longer than a provider keeps a session alive by refresh tokens. */
const KEPT_FOR = 400 * 86_400_000
