import type { DirectoryClaim } from '../identity/saml/identity.ts'
import type { Tx } from './database.ts'
import type { Reader } from './page.ts'
import type { SamlSessionTable } from './schema.ts'

/** One sign-in with SAML: what an assertion said, for as long as it counts. It proves one login. */
export interface SamlSession {
  /** 256 random bits: whoever knows it is not signed in by it. */
  readonly id: string
  /** The provider's entity ID, and what it calls person and session. */
  readonly provider: string
  readonly nameId: string
  readonly sessionIndex: string | undefined
  /** The request that it answered; undefined where the provider began. */
  readonly requestId: string | undefined
  readonly person: {
    readonly id: string
    readonly label: string
    readonly groups: readonly string[]
    readonly email: string | undefined
    readonly authTime: number | undefined
  }
  /** Undefined where the provider had no directory when somebody signed in. */
  readonly directory: DirectoryClaim | undefined
  /** Milliseconds. */
  readonly createdAt: number
  readonly endsAt: number
  readonly endedAt: number | undefined
  readonly loginId: string | undefined
}

/** `handle` is the digest of what the browser takes it with, once. Those that nobody can be signed in by are forgotten. */
export async function saveSamlSession(tx: Tx, session: SamlSession, handle: string): Promise<void> {
  await tx
    .deleteFrom('saml_sessions')
    .where('ends_at', '<', session.createdAt - KEPT_AFTER_END_MS)
    .execute()
  const { person } = session
  await tx
    .insertInto('saml_sessions')
    .values({
      id: session.id,
      provider: session.provider,
      name_id: session.nameId,
      session_index: session.sessionIndex ?? null,
      request_id: session.requestId ?? null,
      person_id: person.id,
      person_label: person.label,
      groups: JSON.stringify(person.groups),
      email: person.email ?? null,
      auth_time: person.authTime ?? null,
      directory_claim: session.directory?.claim ?? null,
      directory_value: session.directory?.value ?? null,
      created_at: session.createdAt,
      ends_at: session.endsAt,
      ended_at: session.endedAt ?? null,
      login_id: session.loginId ?? null,
      handle,
    })
    .execute()
}

/** The session that a browser comes back for, while nobody has taken it. */
export async function waitingSamlSession(
  db: Reader,
  handle: string,
  notBefore: number,
): Promise<SamlSession | undefined> {
  const row = await db
    .selectFrom('saml_sessions')
    .selectAll()
    .where('handle', '=', handle)
    .where('created_at', '>', notBefore)
    .where('ended_at', 'is', null)
    .executeTakeFirst()
  return row && fromRow(row)
}

/** Whether this call was the one that took it. */
export async function takeSamlSession(tx: Tx, handle: string): Promise<boolean> {
  const [taken] = await tx.updateTable('saml_sessions').set({ handle: null }).where('handle', '=', handle).execute()
  return taken?.numUpdatedRows === 1n
}

export async function findSamlSession(db: Reader, id: string): Promise<SamlSession | undefined> {
  const row = await db.selectFrom('saml_sessions').selectAll().where('id', '=', id).executeTakeFirst()
  return row && fromRow(row)
}

/** What a login was last proven by; undefined where that was no sign-in with SAML. */
export async function samlSessionOfLogin(db: Reader, loginId: string): Promise<SamlSession | undefined> {
  const row = await db
    .selectFrom('saml_sessions')
    .selectAll()
    .where('login_id', '=', loginId)
    .orderBy('created_at', 'desc')
    .executeTakeFirst()
  return row && fromRow(row)
}

export const bindSamlSession = async (tx: Tx, id: string, loginId: string): Promise<void> =>
  void (await tx.updateTable('saml_sessions').set({ login_id: loginId }).where('id', '=', id).execute())

export const endSamlSession = async (tx: Tx, id: string, now: number): Promise<void> =>
  void (await tx.updateTable('saml_sessions').set({ ended_at: now, handle: null }).where('id', '=', id).execute())

export const endSamlSessionsOfLogin = async (tx: Tx, loginId: string, now: number): Promise<void> =>
  void (await tx
    .updateTable('saml_sessions')
    .set({ ended_at: now, handle: null })
    .where('login_id', '=', loginId)
    .where('ended_at', 'is', null)
    .execute())

/** Those of a person at a provider that have not ended; of these sessions of the provider, where some are named. */
export async function openSamlSessions(
  db: Reader,
  provider: string,
  nameId: string,
  sessionIndexes: readonly string[],
): Promise<SamlSession[]> {
  const rows = await db
    .selectFrom('saml_sessions')
    .selectAll()
    .where('provider', '=', provider)
    .where('name_id', '=', nameId)
    .where('ended_at', 'is', null)
    .execute()
  return rows.map(fromRow).filter(
    // A session whose index the provider never said may be any of them.
    ({ sessionIndex }) =>
      sessionIndexes.length === 0 || sessionIndex === undefined || sessionIndexes.includes(sessionIndex),
  )
}

const fromRow = (row: SamlSessionTable): SamlSession => ({
  id: row.id,
  provider: row.provider,
  nameId: row.name_id,
  sessionIndex: row.session_index ?? undefined,
  requestId: row.request_id ?? undefined,
  person: {
    id: row.person_id,
    label: row.person_label,
    groups: JSON.parse(row.groups) as string[],
    email: row.email ?? undefined,
    authTime: row.auth_time ?? undefined,
  },
  directory:
    row.directory_claim === null ? undefined : { claim: row.directory_claim, value: row.directory_value ?? undefined },
  createdAt: row.created_at,
  endsAt: row.ends_at,
  endedAt: row.ended_at ?? undefined,
  loginId: row.login_id ?? undefined,
})

const KEPT_AFTER_END_MS = 86_400_000
