import type { Passkey } from '../identity/passkeys/passkey.ts'
import { appendAudit, lastAudit } from './audit.ts'
import type { Tx } from './database.ts'
import type { Reader } from './page.ts'
import type { PasskeyTable } from './schema.ts'

/** Keeps what a use has changed. */
export async function saveUse(tx: Tx, { id, counter, backedUp, lastUsedAt }: Passkey): Promise<void> {
  const changed = { counter, backed_up: backedUp ? 1 : 0, last_used_at: lastUsedAt ?? null }
  await tx.updateTable('passkeys').set(changed).where('id', '=', id).execute()
}

/** A new passkey, and its entry in the audit chain, which says whose it is and which key it has. `key` is the SHA-256 of the public key. */
export async function addPasskey(
  tx: Tx,
  passkey: Passkey,
  { key, from }: { key: string; from: string },
): Promise<void> {
  await tx.insertInto('passkeys').values(toRow(passkey)).execute()
  const { id, person, credentialId, name, backupEligible, createdAt } = passkey
  await appendAudit(tx, createdAt, {
    type: 'passkey.registered',
    actor: person.id,
    subject: id,
    data: { person: person.id, label: person.label, credential: credentialId, name, backupEligible, key, from },
  })
}

/**
 * Whether the audit chain says so: registered by this person, with this key, and not removed since. A row that was put into the store, or back
 * into it, is nobody's passkey.
 */
export async function isRegistered(reader: Reader, passkey: Passkey, key: string): Promise<boolean> {
  const entry = await lastAudit(reader, passkey.id)
  return (
    entry?.type === 'passkey.registered' &&
    entry.actor === passkey.person.id &&
    entry.data['credential'] === passkey.credentialId &&
    entry.data['key'] === key
  )
}

/** Removes passkeys, and says in the audit chain who did and why. */
export async function removePasskeys(
  tx: Tx,
  passkeys: readonly Passkey[],
  { actor, why, now, from }: { actor: string; why: string; now: number; from?: string | undefined },
): Promise<void> {
  for (const { id, person, credentialId, name } of passkeys) {
    await tx.deleteFrom('passkeys').where('id', '=', id).execute()
    await appendAudit(tx, now, {
      type: 'passkey.removed',
      actor,
      subject: id,
      data: { person: person.id, label: person.label, credential: credentialId, name, reason: why, from },
    })
  }
}

/** Oldest first. */
export async function passkeysOf(reader: Reader, personId: string): Promise<Passkey[]> {
  const rows = await reader
    .selectFrom('passkeys')
    .selectAll()
    .where('person_id', '=', personId)
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  return rows.map(fromRow)
}

export async function passkeyOfCredential(reader: Reader, credentialId: string): Promise<Passkey | undefined> {
  const row = await reader
    .selectFrom('passkeys')
    .selectAll()
    .where('credential_id', '=', credentialId)
    .executeTakeFirst()
  return row && fromRow(row)
}

/** What an authenticator was asked to sign. */
export interface PasskeyChallenge {
  /** SHA-256 of the challenge, hexadecimal. */
  readonly id: string
  readonly personId: string
  readonly sessionId: string
  /** A review's id, or `registration`. */
  readonly subject: string
  /** Canonical JSON of what exactly is answered. */
  readonly binding: string
  readonly expiresAt: number
}

/** A browser has one open challenge for each subject; what is over leaves at the same time. */
export async function saveChallenge(tx: Tx, challenge: PasskeyChallenge, now: number): Promise<void> {
  await tx
    .deleteFrom('passkey_challenges')
    .where((eb) =>
      eb.or([
        eb('expires_at', '<=', now),
        eb.and([eb('session_id', '=', challenge.sessionId), eb('subject', '=', challenge.subject)]),
      ]),
    )
    .execute()
  await tx
    .insertInto('passkey_challenges')
    .values({
      id: challenge.id,
      person_id: challenge.personId,
      session_id: challenge.sessionId,
      subject: challenge.subject,
      binding: challenge.binding,
      expires_at: challenge.expiresAt,
    })
    .execute()
}

/** Takes it away, so that nobody else has it: of two who take it at once, one does. */
export async function takeChallenge(tx: Tx, id: string): Promise<PasskeyChallenge | undefined> {
  const [row] = await tx.deleteFrom('passkey_challenges').where('id', '=', id).returningAll().execute()
  return (
    row && {
      id: row.id,
      personId: row.person_id,
      sessionId: row.session_id,
      subject: row.subject,
      binding: row.binding,
      expiresAt: row.expires_at,
    }
  )
}

const toRow = (passkey: Passkey): PasskeyTable => ({
  id: passkey.id,
  credential_id: passkey.credentialId,
  person_id: passkey.person.id,
  person_label: passkey.person.label,
  user_handle: passkey.userHandle,
  name: passkey.name,
  public_key: passkey.publicKey,
  counter: passkey.counter,
  backup_eligible: passkey.backupEligible ? 1 : 0,
  backed_up: passkey.backedUp ? 1 : 0,
  transports: JSON.stringify(passkey.transports),
  created_at: passkey.createdAt,
  last_used_at: passkey.lastUsedAt ?? null,
})

const fromRow = (row: PasskeyTable): Passkey => ({
  id: row.id,
  credentialId: row.credential_id,
  person: { id: row.person_id, label: row.person_label },
  userHandle: row.user_handle,
  name: row.name,
  publicKey: row.public_key,
  counter: row.counter,
  backupEligible: row.backup_eligible === 1,
  backedUp: row.backed_up === 1,
  transports: JSON.parse(row.transports) as string[],
  createdAt: row.created_at,
  lastUsedAt: row.last_used_at ?? undefined,
})
