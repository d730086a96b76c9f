import type { Tx } from './database.ts'
import type { Reader } from './page.ts'
import type { DeviceCodeTable } from './schema.ts'

/** A command line that waits for somebody to sign in with a browser (RFC 8628, section 3.2). */
export interface DeviceCode {
  /** SHA-256 of the device code: who reads the store cannot poll with it. */
  readonly id: string
  /** HMAC of the user code. */
  readonly userCode: string
  /** The entity ID of the provider. */
  readonly provider: string
  /** RFC 7638 thumbprint of the key that its tokens are bound to. */
  readonly thumbprint: string
  /** What the computer calls itself; undefined where it does not say. */
  readonly device: string | undefined
  /** Where it called from, as the gateway saw it. */
  readonly address: string
  /** Its person is to enter their credentials again. */
  readonly isFresh: boolean
  /** Milliseconds. */
  readonly createdAt: number
  readonly expiresAt: number
  /** Seconds between two polls. */
  readonly interval: number
  readonly polledAt: number | undefined
  readonly state: DeviceCodeTable['state']
  /** The sign-in with SAML that it was approved with. */
  readonly samlSession: string | undefined
}

/** Whether there was room for it: so many at most may wait from one network, and so many in all. Those that have expired are forgotten. */
export async function saveDeviceCode(
  tx: Tx,
  code: DeviceCode,
  most: { readonly fromNetwork: number; readonly inAll: number; readonly networkOf: (address: string) => string },
): Promise<boolean> {
  // A minute more: a command line that asks then is told that its code has expired.
  await tx
    .deleteFrom('device_codes')
    .where('expires_at', '<', code.createdAt - 60_000)
    .execute()
  const counts = await tx
    .selectFrom('device_codes')
    .select((of) => ['address', of.fn.countAll<number>().as('count')])
    .groupBy('address')
    .execute()
  const network = most.networkOf(code.address)
  const sumOf = (rows: typeof counts): number => rows.reduce((sum, { count }) => sum + count, 0)
  const fromNetwork = sumOf(counts.filter(({ address }) => most.networkOf(address) === network))
  if (sumOf(counts) >= most.inAll || fromNetwork >= most.fromNetwork) return false
  await tx
    .insertInto('device_codes')
    .values({
      id: code.id,
      user_code: code.userCode,
      provider: code.provider,
      thumbprint: code.thumbprint,
      device: code.device ?? null,
      address: code.address,
      fresh: code.isFresh ? 1 : 0,
      created_at: code.createdAt,
      expires_at: code.expiresAt,
      interval: code.interval,
      polled_at: code.polledAt ?? null,
      state: code.state,
      saml_session: code.samlSession ?? null,
    })
    .execute()
  return true
}

export async function findDeviceCode(db: Reader, id: string): Promise<DeviceCode | undefined> {
  const row = await db.selectFrom('device_codes').selectAll().where('id', '=', id).executeTakeFirst()
  return row && fromRow(row)
}

/** The one with this user code that still waits for somebody. */
export async function waitingDeviceCode(db: Reader, userCode: string, now: number): Promise<DeviceCode | undefined> {
  const row = await db
    .selectFrom('device_codes')
    .selectAll()
    .where('user_code', '=', userCode)
    .where('state', '=', 'pending')
    .where('expires_at', '>', now)
    .executeTakeFirst()
  return row && fromRow(row)
}

export const notePoll = async (
  tx: Tx,
  id: string,
  { polledAt, interval }: { readonly polledAt: number; readonly interval: number },
): Promise<void> =>
  void (await tx.updateTable('device_codes').set({ polled_at: polledAt, interval }).where('id', '=', id).execute())

/** Whether this call was the one that decided. */
export async function decideDeviceCode(
  tx: Tx,
  id: string,
  decision: { readonly state: 'approved' | 'denied'; readonly samlSession: string; readonly now: number },
): Promise<boolean> {
  const [decided] = await tx
    .updateTable('device_codes')
    .set({ state: decision.state, saml_session: decision.samlSession })
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .where('expires_at', '>', decision.now)
    .execute()
  return decided?.numUpdatedRows === 1n
}

export const removeDeviceCode = async (tx: Tx, id: string): Promise<void> =>
  void (await tx.deleteFrom('device_codes').where('id', '=', id).execute())

const fromRow = (row: DeviceCodeTable): DeviceCode => ({
  id: row.id,
  userCode: row.user_code,
  provider: row.provider,
  thumbprint: row.thumbprint,
  device: row.device ?? undefined,
  address: row.address,
  isFresh: row.fresh === 1,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  interval: row.interval,
  polledAt: row.polled_at ?? undefined,
  state: row.state,
  samlSession: row.saml_session ?? undefined,
})
