import type { Tx } from './database.ts'

/** The refresh tokens of one sign-in, each of which replaces the one before. */
export interface RefreshFamily {
  /** SHA-256 of what they have in common. */
  readonly id: string
  readonly samlSession: string
  /** RFC 7638 thumbprint of the key that they are bound to. */
  readonly thumbprint: string
  /** SHA-256 of the token that is good, and of the one that it replaced. */
  readonly current: string
  readonly previous: string | undefined
  /** Milliseconds. */
  readonly expiresAt: number
}

/** Those whose time is over are forgotten. */
export async function saveRefreshFamily(tx: Tx, family: RefreshFamily, now: number): Promise<void> {
  await tx.deleteFrom('refresh_families').where('expires_at', '<', now).execute()
  await tx
    .insertInto('refresh_families')
    .values({
      id: family.id,
      saml_session: family.samlSession,
      thumbprint: family.thumbprint,
      current: family.current,
      previous: family.previous ?? null,
      expires_at: family.expiresAt,
    })
    .execute()
}

export async function findRefreshFamily(tx: Tx, id: string): Promise<RefreshFamily | undefined> {
  const row = await tx.selectFrom('refresh_families').selectAll().where('id', '=', id).executeTakeFirst()
  return (
    row && {
      id: row.id,
      samlSession: row.saml_session,
      thumbprint: row.thumbprint,
      current: row.current,
      previous: row.previous ?? undefined,
      expiresAt: row.expires_at,
    }
  )
}

/** Whether a command line has tokens of this sign-in. */
export async function hasRefreshFamily(tx: Tx, samlSession: string): Promise<boolean> {
  const found = await tx.selectFrom('refresh_families').select('id').where('saml_session', '=', samlSession).execute()
  return found.length > 0
}

export const replaceRefreshToken = async (
  tx: Tx,
  { id, current, previous }: Pick<RefreshFamily, 'id' | 'current' | 'previous'>,
): Promise<void> =>
  void (await tx
    .updateTable('refresh_families')
    .set({ current, previous: previous ?? null })
    .where('id', '=', id)
    .execute())

export const removeRefreshFamily = async (tx: Tx, id: string): Promise<void> =>
  void (await tx.deleteFrom('refresh_families').where('id', '=', id).execute())
