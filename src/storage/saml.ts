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

/** Bounded: an ID has at most 256 characters, an entity ID 1,024. */
const nameOf = ({ kind, provider, id }: Omit<OnceUsed, 'expiresAt'>): string => JSON.stringify([kind, provider, id])
