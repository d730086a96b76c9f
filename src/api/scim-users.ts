import type { AuditEventType } from '../recording/audit-event-types.ts'
import { USER_SCHEMA } from '../scim/attributes.ts'
import { readFilter } from '../scim/filter.ts'
import { patchUser } from '../scim/patch.ts'
import { readUser, type ScimUser } from '../scim/read-resource.ts'
import { listBody, userBody, type Selection } from '../scim/representation.ts'
import { ScimError } from '../scim/scim-error.ts'
import { newId } from '../shared/id.ts'
import { appendAudit } from '../storage/audit.ts'
import type { Tx } from '../storage/database.ts'
import { groupsOfUser, leaveGroups } from '../storage/directory-groups.ts'
import {
  findDirectoryUser,
  listDirectoryUsers,
  saveDirectoryUser,
  type DirectoryUser,
} from '../storage/directory-users.ts'
import type { Reader } from '../storage/page.ts'
import type { ApiDeps } from './deps.ts'
import { actorOf, applyDirectory, takeEffect, type Consequences } from './directory-effects.ts'
import { directoryKey, type ProvisioningSource } from './directory-standing.ts'
import { conflicting, filterFrom, noSuch, type Page } from './scim-lists.ts'

type Deps = Pick<ApiDeps, 'db' | 'clock' | 'settings' | 'registry'>

/** The users of one source; no function here sees those of another. */
export function scimUsers(source: ProvisioningSource, base: string, deps: Deps) {
  const { db, clock } = deps
  const shown = async (user: DirectoryUser, isSelected: Selection): Promise<Record<string, unknown>> => {
    const { id, createdAt, changedAt } = user
    const groups = await groupReferences(db.read, user, isSelected)
    return userBody({ ...toScim(user), id, createdAt, changedAt, groups }, base, isSelected)
  }
  const existing = async (reader: Reader, id: string): Promise<DirectoryUser> => {
    const user = await findDirectoryUser(reader, source.name, { id })
    if (user === undefined) throw noSuch('User', id)
    return user
  }
  /** Stores what `next` makes of a user, and what follows from it, in one transaction. */
  const change = async (id: string, next: (before: DirectoryUser) => Promise<ScimUser>): Promise<DirectoryUser> => {
    const { user, consequences } = await db.change(async (tx) => {
      const before = await existing(tx, id)
      const after: DirectoryUser = { ...before, ...fromScim(await next(before)), changedAt: clock.now() }
      return saveChange(tx, source, before, after, deps)
    })
    takeEffect(consequences, deps)
    return user
  }
  return {
    get: async (id: string, isSelected: Selection) => shown(await existing(db.read, id), isSelected),

    async list(filter: string | undefined, { startIndex, count }: Page, isSelected: Selection) {
      const conditions =
        filter === undefined ? [] : await readFilter(filter, ['id', 'userName', 'externalId'], USER_SCHEMA)
      const wanted = filterFrom(conditions)
      const { users, total } =
        wanted === undefined
          ? { users: [], total: 0 }
          : await listDirectoryUsers(db.read, source.name, wanted, { offset: startIndex - 1, limit: count })
      return listBody(await Promise.all(users.map((user) => shown(user, isSelected))), total, startIndex)
    },

    async create(body: unknown, isSelected: Selection) {
      const { user, consequences } = await db.change((tx) => createUser(tx, source, readUser(body), deps))
      takeEffect(consequences, deps)
      return shown(user, isSelected)
    },

    replace: async (id: string, body: unknown, isSelected: Selection) =>
      shown(await change(id, (before) => Promise.resolve(readUser(body, toScim(before)))), isSelected),

    patch: async (id: string, body: unknown, isSelected: Selection) =>
      shown(await change(id, (before) => patchUser(toScim(before), body)), isSelected),

    async remove(id: string): Promise<void> {
      const consequences = await db.change(async (tx) => {
        const before = await existing(tx, id)
        const now = clock.now()
        await leaveGroups(tx, id)
        await saveDirectoryUser(tx, { ...before, active: false, changedAt: now, deletedAt: now })
        await auditUser(tx, source, 'directory.user_deleted', before, now, {})
        return applyDirectory(tx, source, touched(source, [before]), deps)
      })
      takeEffect(consequences, deps)
    },
  }
}

async function createUser(tx: Tx, source: ProvisioningSource, user: ScimUser, deps: Deps) {
  const now = deps.clock.now()
  const made: DirectoryUser = {
    id: newId('usr'),
    source: source.name,
    personId: undefined,
    createdAt: now,
    changedAt: now,
    deletedAt: undefined,
    ...fromScim(user),
  }
  await needUnique(tx, made)
  await saveDirectoryUser(tx, made)
  await auditUser(tx, source, 'directory.user_created', made, now, {})
  // Somebody may have signed in whom the directory did not know, and disables at once.
  return { user: made, consequences: await applyDirectory(tx, source, touched(source, [made]), deps) }
}

async function saveChange(
  tx: Tx,
  source: ProvisioningSource,
  before: DirectoryUser,
  after: DirectoryUser,
  deps: Deps,
): Promise<{ user: DirectoryUser; consequences: Consequences }> {
  const names = (['userName', 'externalId', 'active', 'attributes'] as const).filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  )
  if (names.length === 0) return { user: before, consequences: { ended: [], changed: [], revoked: [] } }
  await needUnique(tx, after)
  await saveDirectoryUser(tx, after)
  await auditUser(tx, source, 'directory.user_changed', after, after.changedAt, { changed: names })
  return { user: after, consequences: await applyDirectory(tx, source, touched(source, [before, after]), deps) }
}

/** 409 uniqueness where another user of the source has the name (RFC 7644, section 3.3). */
async function needUnique(tx: Tx, { id, source, userName, externalId }: DirectoryUser): Promise<void> {
  const others = [
    await findDirectoryUser(tx, source, { userName }),
    externalId === undefined ? undefined : await findDirectoryUser(tx, source, { externalId }),
  ]
  if (others[0] !== undefined && others[0].id !== id) throw conflicting('userName', userName)
  if (others[1] !== undefined && others[1].id !== id) throw conflicting('externalId', externalId ?? '')
}

/** Whom a change of these users is about. */
export const touched = (source: ProvisioningSource, users: readonly DirectoryUser[]) => ({
  keys: [...new Set(users.map((user) => directoryKey(source, user)).filter((key) => key !== undefined))],
  personIds: [...new Set(users.map(({ personId }) => personId).filter((id) => id !== undefined))],
})

const auditUser = (
  tx: Tx,
  source: ProvisioningSource,
  type: AuditEventType,
  { id, userName, externalId, active }: DirectoryUser,
  now: number,
  more: { readonly changed?: readonly string[] },
): Promise<void> =>
  appendAudit(tx, now, {
    type,
    actor: actorOf(source),
    subject: id,
    data: { userName, ...(externalId === undefined ? {} : { externalId }), active, ...more },
  })

async function groupReferences(db: Reader, { id }: DirectoryUser, isSelected: Selection) {
  if (!isSelected('groups')) return []
  return (await groupsOfUser(db, id)).map((group) => ({ value: group.id, display: group.displayName }))
}

const fromScim = ({ userName, externalId, active, ...attributes }: ScimUser) => ({
  userName,
  externalId: externalId === '' ? undefined : externalId,
  active,
  attributes,
})

/** Read again as a request is: what is in the store was checked before it got there, and by this version's rules it may be more than they know. */
function toScim({ userName, externalId, active, attributes }: DirectoryUser): ScimUser {
  try {
    return readUser({
      ...attributes,
      schemas: [USER_SCHEMA],
      userName,
      active,
      ...(externalId === undefined ? {} : { externalId }),
    })
  } catch (error) {
    throw new ScimError(500, `the stored user cannot be read: ${(error as Error).message}`)
  }
}
