import type { Login } from '../identity/login.ts'
import type { LoginOrigin } from '../identity/login-origin.ts'
import { mailKey } from '../shared/name-key.ts'
import { compiledOnce } from './compiled-once.ts'
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
    issuer: login.origin?.issuer ?? null,
    subject: login.origin?.subject ?? null,
    provider_session: login.origin?.session ?? null,
    directory: login.origin?.directory?.source ?? null,
    directory_key: login.origin?.directory?.key ?? null,
    token_groups: login.origin === undefined ? null : JSON.stringify(login.origin.groups),
  }
  await tx
    .insertInto('logins')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

export async function findLogin(db: Reader, id: string): Promise<Login | undefined> {
  const [row] = await loginOf(db, { id })
  return row && fromRow(row)
}

const loginOf = compiledOnce<{ id: string }, LoginTable>(['id'], (db, { id }) =>
  db.selectFrom('logins').selectAll().where('id', '=', id),
)

/** Everybody whom this label names, or ever named. */
export async function personIds(db: Reader, label: string): Promise<string[]> {
  const rows = await db.selectFrom('logins').select('person_id').distinct().where('person_label', '=', label).execute()
  return rows.map(({ person_id }) => person_id)
}

/** Everybody whom this id, label or verified address names, or whose label it was once; with the last label of each. */
export async function findPeople(
  db: Reader,
  named: string,
): Promise<{ readonly id: string; readonly label: string }[]> {
  const rows = await db
    .selectFrom('logins')
    .select('person_id')
    .distinct()
    .where((eb) =>
      eb.or([eb('person_id', '=', named), eb('person_label', '=', named), eb('email', '=', mailKey(named))]),
    )
    .orderBy('person_id')
    .limit(20)
    .execute()
  const labels = await personLabels(
    db,
    rows.map(({ person_id }) => person_id),
  )
  return Object.entries(labels).map(([id, label]) => ({ id, label }))
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

/** Logins that have not ended of those whom a directory knows by one of these names, or who are one of these people. */
export async function openLoginsInDirectory(
  db: Reader,
  directory: string,
  { keys, personIds }: { readonly keys: readonly string[]; readonly personIds: readonly string[] },
): Promise<Login[]> {
  const found = new Map<string, LoginTable>()
  const open = db.selectFrom('logins').selectAll().where('ended_at', 'is', null)
  for (let at = 0; at < Math.max(keys.length, personIds.length); at += BATCH_SIZE) {
    const [some, people] = [keys.slice(at, at + BATCH_SIZE), personIds.slice(at, at + BATCH_SIZE)]
    const rows = [
      ...(some.length === 0
        ? []
        : await open.where('directory', '=', directory).where('directory_key', 'in', some).execute()),
      ...(people.length === 0 ? [] : await open.where('person_id', 'in', people).execute()),
    ]
    for (const row of rows) found.set(row.id, row)
  }
  return [...found.values()].map(fromRow)
}

/**
 * Logins that have not ended and come from a session of a provider, or from all sessions of a subject. Where both are given, also those of the subject
 * of which the session is not known: they may be from it.
 */
export async function openLoginsAtProvider(
  db: Reader,
  issuer: string,
  { subject, session }: { readonly subject: string | undefined; readonly session: string | undefined },
): Promise<Login[]> {
  if (subject === undefined && session === undefined) return []
  let query = db.selectFrom('logins').selectAll().where('issuer', '=', issuer).where('ended_at', 'is', null)
  if (subject !== undefined) query = query.where('subject', '=', subject)
  if (session !== undefined)
    query = query.where((eb) =>
      eb.or([
        eb('provider_session', '=', session),
        ...(subject === undefined ? [] : [eb('provider_session', 'is', null)]),
      ]),
    )
  return (await query.execute()).map(fromRow)
}

/** The last login of a person, open or not. */
export async function lastLoginOf(db: Reader, personId: string): Promise<Login | undefined> {
  const row = await db
    .selectFrom('logins')
    .selectAll()
    .where('person_id', '=', personId)
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && fromRow(row)
}

/** Logins whose issuer has verified this address, of people who are signed in and proven now. */
export async function provenLoginsByEmail(db: Reader, email: string, now: number): Promise<Login[]> {
  const rows = await db
    .selectFrom('logins')
    .selectAll()
    .where('email', '=', mailKey(email))
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

/** When the last login of this person at this key ended that did. */
export async function lastEndedAt(db: Reader, personId: string, thumbprint: string): Promise<number | undefined> {
  const row = await db
    .selectFrom('logins')
    .select((of) => of.fn.max('ended_at').as('at'))
    .where('person_id', '=', personId)
    .where('thumbprint', '=', thumbprint)
    .executeTakeFirst()
  return row?.at ?? undefined
}

/** When this person last signed out everywhere. */
export async function signedOutEverywhereAt(db: Reader, personId: string): Promise<number | undefined> {
  const row = await db.selectFrom('sign_outs').select('at').where('person_id', '=', personId).executeTakeFirst()
  return row?.at
}

export async function saveSignOutEverywhere(tx: Tx, personId: string, at: number): Promise<void> {
  await tx
    .insertInto('sign_outs')
    .values({ person_id: personId, at })
    .onConflict((conflict) => conflict.column('person_id').doUpdateSet({ at }))
    .execute()
}

/**
 * No proof lasts longer than the configuration allows one that is made now, and nobody signed in later than now: what says otherwise was
 * written under a longer `reproof`, by a clock that ran ahead, or past the gateway. Returns how many logins said so.
 */
export async function boundLogins(tx: Tx, now: number, lease: number): Promise<number> {
  const [late] = await tx
    .updateTable('logins')
    .set({ proven_until: now + lease })
    .where('ended_at', 'is', null)
    .where('proven_until', '>', now + lease)
    .execute()
  const [future] = await tx
    .updateTable('logins')
    .set({ auth_time: null })
    .where('ended_at', 'is', null)
    .where('auth_time', '>', now + CLOCK_TOLERANCE)
    .execute()
  return Number((late?.numUpdatedRows ?? 0n) + (future?.numUpdatedRows ?? 0n))
}

/** With which key an identity token was used, and for which login. */
export interface TokenUse {
  readonly digest: string
  readonly thumbprint: string
  readonly loginId: string
  readonly expiresAt: number
}

/** The first use of a token. Those that have expired are forgotten: they are refused for that. */
export async function findTokenUse(tx: Tx, digest: string, now: number): Promise<TokenUse | undefined> {
  await tx
    .deleteFrom('used_tokens')
    .where('expires_at', '<', now - 60_000)
    .execute()
  const row = await tx.selectFrom('used_tokens').selectAll().where('digest', '=', digest).executeTakeFirst()
  return row && { digest, thumbprint: row.thumbprint, loginId: row.login_id ?? '', expiresAt: row.expires_at }
}

export async function saveTokenUse(tx: Tx, { digest, thumbprint, loginId, expiresAt }: TokenUse): Promise<void> {
  await tx.insertInto('used_tokens').values({ digest, thumbprint, login_id: loginId, expires_at: expiresAt }).execute()
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
  origin: originOf(row),
})

const originOf = (row: LoginTable): LoginOrigin | undefined =>
  row.issuer === null || row.subject === null
    ? undefined
    : {
        issuer: row.issuer,
        subject: row.subject,
        session: row.provider_session ?? undefined,
        directory: row.directory === null ? undefined : { source: row.directory, key: row.directory_key ?? undefined },
        groups: JSON.parse(row.token_groups ?? '[]') as string[],
      }

/** Values in one question. */
const BATCH_SIZE = 1000

/** Milliseconds that an identity provider's clock may run ahead. */
const CLOCK_TOLERANCE = 30_000
