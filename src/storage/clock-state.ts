import { sql } from 'kysely'
import { appendAudit, lastAudit } from './audit.ts'
import type { Database, Tx } from './database.ts'
import { saveSignOutEverywhere } from './logins.ts'
import type { Reader } from './page.ts'

/** How much the system's clock may be behind the gateway's time, in milliseconds: services that set it move it by moments. */
export const CLOCK_TOLERANCE_MS = 60_000

/** The time of the last entry of the audit chain. */
export async function lastEntryTime(db: Reader): Promise<number | undefined> {
  const row = await db
    .selectFrom('audit')
    .select('at')
    .where('seq', '<=', Number.MAX_SAFE_INTEGER)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  // What somebody laid there that is no time is for verification to find.
  return Number.isSafeInteger(row?.at) && Number(row?.at) <= LAST_TIME ? row?.at : undefined
}

/** Whether the system's clock is known to be behind the gateway's time: the last that the chain says of it. */
export const isClockNotedBehind = async (db: Reader): Promise<boolean> =>
  (await lastAudit(db, SUBJECT))?.type === 'clock.behind'

/** Puts on record that the system's clock is behind by `behind` milliseconds, or agrees again; nothing where the chain says so already. */
export async function noteClock(db: Database, behind: number, now: number): Promise<void> {
  const isBehind = behind > CLOCK_TOLERANCE_MS
  if ((await isClockNotedBehind(db.read)) === isBehind) return
  await db.change((tx) =>
    appendAudit(tx, now, {
      type: isBehind ? 'clock.behind' : 'clock.agrees',
      actor: 'gateway',
      subject: SUBJECT,
      data: isBehind ? { behindMs: Math.round(behind) } : {},
    }),
  )
}

/**
 * The clock is taken back to `now` from `from`: somebody said that the later time was wrong. What would begin again, or end too late, ends: grants, sign-ins
 * of people and browsers, and requests. Locks stay. Which logouts there were, and which tokens were used, may be forgotten already: nobody signs in with a
 * token from before now. In one transaction with its entry.
 */
export const takeClockBack = (db: Database, from: number, now: number): Promise<void> =>
  db.change(async (tx) => {
    const grants = await endGrants(tx, now)
    const signIns = await endSignIns(tx, now)
    await tx.updateTable('requests').set({ state: 'expired' }).where('state', '=', 'pending').execute()
    // Reminders and deliveries would wait for the time that was wrong.
    await tx.updateTable('break_glass').set({ reminded_at: now }).where('reminded_at', '>', now).execute()
    await tx.updateTable('deliveries').set({ next_at: now }).where('next_at', '>', now).execute()
    await appendAudit(tx, now, {
      type: 'clock.corrected',
      actor: 'gateway',
      subject: SUBJECT,
      data: {
        from: new Date(from).toISOString(),
        to: new Date(now).toISOString(),
        grants,
        signIns,
      },
    })
  })

/** Also what ended in the time that was wrong, which would keep its person out until then. Returns how many were open. */
async function endSignIns(tx: Tx, now: number): Promise<number> {
  const open = await tx.updateTable('logins').set({ ended_at: now }).where('ended_at', 'is', null).executeTakeFirst()
  await tx.updateTable('logins').set({ ended_at: now }).where('ended_at', '>', now).execute()
  await tx
    .updateTable('saml_sessions')
    .set({ ended_at: now, handle: null })
    .where((eb) => eb.or([eb('ended_at', 'is', null), eb('ended_at', '>', now)]))
    .execute()
  for (const table of ['web_sessions', 'refresh_families', 'device_codes', 'passkey_challenges'] as const)
    await tx.deleteFrom(table).execute()
  await tx.updateTable('sign_outs').set({ at: now }).execute()
  const people = await tx.selectFrom('logins').select('person_id').distinct().execute()
  for (const { person_id: person } of people) await saveSignOutEverywhere(tx, person, now)
  return Number(open.numUpdatedRows)
}

async function endGrants(tx: Tx, now: number): Promise<number> {
  const ended = await tx
    .updateTable('grants')
    .set({ starts_at: sql`case when starts_at > ${now} then ${now} else starts_at end`, ends_at: now })
    .where('ends_at', '>', now)
    .executeTakeFirst()
  return Number(ended.numUpdatedRows)
}

const SUBJECT = 'clock'
/** 9999-12-31T23:59:59.999Z */
const LAST_TIME = 253_402_300_799_999
