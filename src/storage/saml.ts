import type { Tx } from './database.ts'
import type { Reader } from './page.ts'

/** A request of ours, or an assertion of a provider, that is good for one use. */
export interface OnceUsed {
  readonly kind: 'request' | 'assertion'
  /** The entity ID of the provider: two may give the same ID. */
  readonly provider: string
  readonly id: string
  /** Milliseconds: it is refused for its age from then on. */
  readonly expiresAt: number
}

export async function isUsed(db: Reader, once: Omit<OnceUsed, 'expiresAt'>): Promise<boolean> {
  const row = await db.selectFrom('used_saml_ids').select('name').where('name', '=', nameOf(once)).executeTakeFirst()
  return row !== undefined
}

/** Whether this is its first use, of which there is no second, whatever is restarted. Those whose time is over are forgotten. */
export async function useOnce(tx: Tx, once: OnceUsed, now: number): Promise<boolean> {
  await tx.deleteFrom('used_saml_ids').where('expires_at', '<', now).execute()
  if (await isUsed(tx, once)) return false
  await tx
    .insertInto('used_saml_ids')
    .values({ name: nameOf(once), expires_at: once.expiresAt })
    .execute()
  return true
}

/** A logout at the provider: of sessions of a person, or of all of them where none is named. */
export interface SamlLogout {
  /** The entity ID. */
  readonly provider: string
  readonly nameId: string
  readonly sessionIndexes: readonly string[]
  /** Milliseconds, by the clock of the provider. */
  readonly issuedAt: number
}

/** Remembers a logout for as long as an assertion from before it could still come (SAML Core, section 3.7.3.2). */
export async function noteSamlLogout(
  tx: Tx,
  { provider, nameId, sessionIndexes, issuedAt }: SamlLogout,
): Promise<void> {
  // An assertion that does not name its session may be of any of them.
  const parts = sessionIndexes.length === 0 ? [ALL] : [UNNAMED, ...sessionIndexes.map(indexPart)]
  for (const part of new Set(parts)) {
    const name = logoutName(provider, nameId, part)
    await tx
      .insertInto('used_saml_ids')
      .values({ name, expires_at: issuedAt + LOGOUT_KEPT_MS })
      .onConflict((conflict) =>
        conflict
          .column('name')
          .doUpdateSet({ expires_at: issuedAt + LOGOUT_KEPT_MS })
          .where('used_saml_ids.expires_at', '<', issuedAt + LOGOUT_KEPT_MS),
      )
      .execute()
  }
}

/** Whether the sign-in of an assertion has ended by a logout that came before it. `issuedAt`: of the assertion, by the clock of the provider. */
export async function isBeforeSamlLogout(
  db: Reader,
  {
    provider,
    nameId,
    sessionIndex,
    issuedAt,
  }: Omit<SamlLogout, 'sessionIndexes'> & { readonly sessionIndex: string | undefined },
): Promise<boolean> {
  const parts = [ALL, sessionIndex === undefined ? UNNAMED : indexPart(sessionIndex)]
  const row = await db
    .selectFrom('used_saml_ids')
    .select('name')
    .where(
      'name',
      'in',
      parts.map((part) => logoutName(provider, nameId, part)),
    )
    .where('expires_at', '>=', issuedAt + LOGOUT_KEPT_MS)
    .executeTakeFirst()
  return row !== undefined
}

const indexPart = (index: string): string => `index ${index}`
const logoutName = (provider: string, nameId: string, part: string): string =>
  JSON.stringify(['logout', provider, nameId, part])
const ALL = 'all'
const UNNAMED = 'unnamed'
/** Milliseconds: a response is accepted for ten minutes, by clocks that may each be off by five. */
const LOGOUT_KEPT_MS = 1_800_000

/** Bounded: an ID has at most 256 characters, an entity ID 1,024. */
const nameOf = ({ kind, provider, id }: Omit<OnceUsed, 'expiresAt'>): string => JSON.stringify([kind, provider, id])
