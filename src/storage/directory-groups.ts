import { nameKey } from '../shared/name-key.ts'
import type { Tx } from './database.ts'
import type { Reader } from './page.ts'
import type { DirectoryGroupTable } from './schema.ts'

/** A group that a directory has provisioned. */
export interface DirectoryGroup {
  readonly id: string
  readonly source: string
  readonly displayName: string
  readonly externalId: string | undefined
  readonly createdAt: number
  readonly changedAt: number
}

export interface GroupFilter {
  readonly id?: string
  readonly displayName?: string
  readonly externalId?: string
  /** Id of a user. */
  readonly member?: string
}

export async function saveDirectoryGroup(tx: Tx, group: DirectoryGroup): Promise<void> {
  const row: DirectoryGroupTable = {
    id: group.id,
    source: group.source,
    display_name: group.displayName,
    display_name_key: nameKey(group.displayName),
    external_id: group.externalId ?? null,
    created_at: group.createdAt,
    changed_at: group.changedAt,
  }
  await tx
    .insertInto('directory_groups')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

export async function removeDirectoryGroup(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('directory_members').where('group_id', '=', id).execute()
  await tx.deleteFrom('directory_groups').where('id', '=', id).execute()
}

/** Those of a source that fit all of the filter, oldest first, and how many there are. */
export async function listDirectoryGroups(
  db: Reader,
  source: string,
  filter: GroupFilter,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): Promise<{ readonly groups: DirectoryGroup[]; readonly total: number }> {
  let query = db.selectFrom('directory_groups').where('source', '=', source)
  if (filter.id !== undefined) query = query.where('id', '=', filter.id)
  if (filter.displayName !== undefined) query = query.where('display_name_key', '=', nameKey(filter.displayName))
  if (filter.externalId !== undefined) query = query.where('external_id', '=', filter.externalId)
  const { member } = filter
  if (member !== undefined)
    query = query.where('id', 'in', (of) =>
      of.selectFrom('directory_members').select('group_id').where('user_id', '=', member),
    )
  const counted = await query.select((of) => of.fn.countAll<number | string>().as('total')).executeTakeFirst()
  const rows = await query.selectAll().orderBy('created_at').orderBy('id').offset(offset).limit(limit).execute()
  return { groups: rows.map(fromRow), total: Number(counted?.total ?? 0) }
}

export async function findDirectoryGroup(
  db: Reader,
  source: string,
  filter: GroupFilter,
): Promise<DirectoryGroup | undefined> {
  return (await listDirectoryGroups(db, source, filter, { offset: 0, limit: 1 })).groups[0]
}

/** Users in a group, by id. */
export async function membersOf(
  db: Reader,
  groupId: string,
): Promise<{ readonly id: string; readonly userName: string }[]> {
  const rows = await db
    .selectFrom('directory_members')
    .innerJoin('directory_users', 'directory_users.id', 'directory_members.user_id')
    .select(['directory_users.id', 'directory_users.user_name'])
    .where('group_id', '=', groupId)
    .orderBy('directory_users.id')
    .execute()
  return rows.map(({ id, user_name }) => ({ id, userName: user_name }))
}

/** Groups that a user is in. */
export async function groupsOfUser(db: Reader, userId: string): Promise<DirectoryGroup[]> {
  const rows = await db
    .selectFrom('directory_groups')
    .selectAll()
    .where('id', 'in', (of) => of.selectFrom('directory_members').select('group_id').where('user_id', '=', userId))
    .orderBy('id')
    .execute()
  return rows.map(fromRow)
}

export async function addMembers(tx: Tx, groupId: string, userIds: readonly string[]): Promise<void> {
  for (let at = 0; at < userIds.length; at += BATCH_SIZE)
    await tx
      .insertInto('directory_members')
      .values(userIds.slice(at, at + BATCH_SIZE).map((user_id) => ({ group_id: groupId, user_id })))
      .onConflict((conflict) => conflict.doNothing())
      .execute()
}

export async function removeMembers(tx: Tx, groupId: string, userIds: readonly string[]): Promise<void> {
  for (let at = 0; at < userIds.length; at += BATCH_SIZE)
    await tx
      .deleteFrom('directory_members')
      .where('group_id', '=', groupId)
      .where('user_id', 'in', userIds.slice(at, at + BATCH_SIZE))
      .execute()
}

/** Takes a user out of every group. */
export const leaveGroups = async (tx: Tx, userId: string): Promise<void> =>
  void (await tx.deleteFrom('directory_members').where('user_id', '=', userId).execute())

const fromRow = (row: DirectoryGroupTable): DirectoryGroup => ({
  id: row.id,
  source: row.source,
  displayName: row.display_name,
  externalId: row.external_id ?? undefined,
  createdAt: row.created_at,
  changedAt: row.changed_at,
})

const BATCH_SIZE = 1000
