import { nameKey } from '../shared/name-key.ts'
import type { Tx } from './database.ts'
import type { Reader } from './page.ts'
import type { DirectoryUserTable } from './schema.ts'

/** Somebody whom a directory has provisioned. */
export interface DirectoryUser {
  readonly id: string
  /** Name of the provisioning source: nobody else sees or changes it. */
  readonly source: string
  readonly userName: string
  readonly externalId: string | undefined
  readonly active: boolean
  /** What is only kept for the directory. */
  readonly attributes: Readonly<Record<string, unknown>>
  /** Who it is here, once they have signed in. */
  readonly personId: string | undefined
  readonly createdAt: number
  readonly changedAt: number
  readonly deletedAt: number | undefined
}

export interface UserFilter {
  readonly id?: string
  readonly userName?: string
  readonly externalId?: string
}

export async function saveDirectoryUser(tx: Tx, user: DirectoryUser): Promise<void> {
  const row: DirectoryUserTable = {
    id: user.id,
    source: user.source,
    user_name: user.userName,
    user_name_key: nameKey(user.userName),
    external_id: user.externalId ?? null,
    active: user.active ? 1 : 0,
    attributes: JSON.stringify(user.attributes),
    person_id: user.personId ?? null,
    created_at: user.createdAt,
    changed_at: user.changedAt,
    deleted_at: user.deletedAt ?? null,
  }
  await tx
    .insertInto('directory_users')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

/** Those of a source that fit all of the filter and were not deleted, oldest first, and how many there are. */
export async function listDirectoryUsers(
  db: Reader,
  source: string,
  filter: UserFilter,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): Promise<{ readonly users: DirectoryUser[]; readonly total: number }> {
  let query = db.selectFrom('directory_users').where('source', '=', source).where('deleted_at', 'is', null)
  if (filter.id !== undefined) query = query.where('id', '=', filter.id)
  if (filter.userName !== undefined) query = query.where('user_name_key', '=', nameKey(filter.userName))
  if (filter.externalId !== undefined) query = query.where('external_id', '=', filter.externalId)
  const counted = await query.select((of) => of.fn.countAll<number | string>().as('total')).executeTakeFirst()
  const rows = await query.selectAll().orderBy('created_at').orderBy('id').offset(offset).limit(limit).execute()
  return { users: rows.map(fromRow), total: Number(counted?.total ?? 0) }
}

/** One of a source that was not deleted. */
export async function findDirectoryUser(
  db: Reader,
  source: string,
  filter: UserFilter,
): Promise<DirectoryUser | undefined> {
  return (await listDirectoryUsers(db, source, filter, { offset: 0, limit: 1 })).users[0]
}

/** The last one of this name that was deleted. */
export async function findDeletedUser(
  db: Reader,
  source: string,
  { userName, externalId }: Pick<UserFilter, 'userName' | 'externalId'>,
): Promise<DirectoryUser | undefined> {
  let query = db
    .selectFrom('directory_users')
    .selectAll()
    .where('source', '=', source)
    .where('deleted_at', 'is not', null)
  if (userName !== undefined) query = query.where('user_name_key', '=', nameKey(userName))
  if (externalId !== undefined) query = query.where('external_id', '=', externalId)
  const row = await query.orderBy('deleted_at', 'desc').limit(1).executeTakeFirst()
  return row && fromRow(row)
}

/** What directories know this person as, those that were deleted included. */
export async function directoryUsersOf(db: Reader, personId: string): Promise<DirectoryUser[]> {
  const rows = await db.selectFrom('directory_users').selectAll().where('person_id', '=', personId).execute()
  return rows.map(fromRow)
}

/** Those of these ids that a source has. */
export async function directoryUsersById(db: Reader, source: string, ids: readonly string[]): Promise<DirectoryUser[]> {
  const found: DirectoryUser[] = []
  for (let at = 0; at < ids.length; at += BATCH_SIZE) {
    const rows = await db
      .selectFrom('directory_users')
      .selectAll()
      .where('source', '=', source)
      .where('deleted_at', 'is', null)
      .where('id', 'in', ids.slice(at, at + BATCH_SIZE))
      .execute()
    found.push(...rows.map(fromRow))
  }
  return found
}

const fromRow = (row: DirectoryUserTable): DirectoryUser => ({
  id: row.id,
  source: row.source,
  userName: row.user_name,
  externalId: row.external_id ?? undefined,
  active: row.active === 1,
  attributes: JSON.parse(row.attributes) as Record<string, unknown>,
  personId: row.person_id ?? undefined,
  createdAt: row.created_at,
  changedAt: row.changed_at,
  deletedAt: row.deleted_at ?? undefined,
})

/** Values in one question: SQLite takes 32,766. */
const BATCH_SIZE = 1000
