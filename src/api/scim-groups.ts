import { GROUP_SCHEMA } from '../scim/attributes.ts'
import { readFilter } from '../scim/filter.ts'
import { patchGroup } from '../scim/patch.ts'
import { readGroup, type ScimGroup } from '../scim/read-resource.ts'
import { groupBody, listBody, type Selection } from '../scim/representation.ts'
import { badRequest } from '../scim/scim-error.ts'
import { newId } from '../shared/id.ts'
import { appendAudit } from '../storage/audit.ts'
import type { Tx } from '../storage/database.ts'
import {
  addMembers,
  findDirectoryGroup,
  listDirectoryGroups,
  membersOf,
  removeDirectoryGroup,
  removeMembers,
  saveDirectoryGroup,
  type DirectoryGroup,
} from '../storage/directory-groups.ts'
import { directoryUsersById } from '../storage/directory-users.ts'
import type { Reader } from '../storage/page.ts'
import type { ApiDeps } from './deps.ts'
import { actorOf, applyDirectory, takeEffect, type Consequences } from './directory-effects.ts'
import type { ProvisioningSource } from './directory-standing.ts'
import { conflicting, filterFrom, noSuch, type Page } from './scim-lists.ts'
import { touched } from './scim-users.ts'

type Deps = Pick<ApiDeps, 'db' | 'clock' | 'settings' | 'registry'>

/** The groups of one source; no function here sees those of another. */
export function scimGroups(source: ProvisioningSource, base: string, deps: Deps) {
  const { db, clock } = deps
  const shown = async (group: DirectoryGroup, isSelected: Selection): Promise<Record<string, unknown>> => {
    const { id, createdAt, changedAt } = group
    const members = isSelected('members') ? await membersOf(db.read, id) : []
    const references = members.map((member) => ({ value: member.id, display: member.userName }))
    return groupBody({ ...toScim(group), id, createdAt, changedAt, members: references }, base, isSelected)
  }
  const existing = async (reader: Reader, id: string): Promise<DirectoryGroup> => {
    const group = await findDirectoryGroup(reader, source.name, { id })
    if (group === undefined) throw noSuch('Group', id)
    return group
  }
  const change = async (id: string, next: (before: ScimGroup) => ScimGroup): Promise<DirectoryGroup> => {
    const { group, consequences } = await db.change(async (tx) => {
      const before = await existing(tx, id)
      const members = (await membersOf(tx, id)).map((member) => member.id)
      return saveGroup(tx, source, { ...before, members }, next({ ...toScim(before), members }), deps)
    })
    takeEffect(consequences, deps)
    return group
  }
  return {
    get: async (id: string, isSelected: Selection) => shown(await existing(db.read, id), isSelected),

    async list(filter: string | undefined, { startIndex, count }: Page, isSelected: Selection) {
      const names = ['id', 'displayName', 'externalId', 'members.value'] as const
      const conditions = filter === undefined ? [] : await readFilter(filter, names, GROUP_SCHEMA)
      const wanted = filterFrom(conditions)
      if (wanted === undefined) return listBody([], 0, startIndex)
      const { 'members.value': member, ...rest } = wanted
      const { groups, total } = await listDirectoryGroups(
        db.read,
        source.name,
        { ...rest, ...(member === undefined ? {} : { member }) },
        { offset: startIndex - 1, limit: isSelected('members') ? Math.min(count, MAX_WITH_MEMBERS) : count },
      )
      return listBody(await Promise.all(groups.map((group) => shown(group, isSelected))), total, startIndex)
    },

    async create(body: unknown, isSelected: Selection) {
      const { group, consequences } = await db.change((tx) => saveGroup(tx, source, undefined, readGroup(body), deps))
      takeEffect(consequences, deps)
      return shown(group, isSelected)
    },

    replace: async (id: string, body: unknown, isSelected: Selection) =>
      shown(await change(id, () => readGroup(body)), isSelected),

    patch: async (id: string, body: unknown): Promise<void> =>
      void (await change(id, (before) => patchGroup(before, body))),

    async remove(id: string): Promise<void> {
      const consequences = await db.change(async (tx) => {
        const before = await existing(tx, id)
        const members = (await membersOf(tx, id)).map((member) => member.id)
        await removeDirectoryGroup(tx, id)
        await appendAudit(tx, clock.now(), {
          type: 'directory.group_deleted',
          actor: actorOf(source),
          subject: id,
          data: { displayName: before.displayName, members: members.length },
        })
        return consequencesFor(tx, source, members, deps)
      })
      takeEffect(consequences, deps)
    },
  }
}

type WithMembers = DirectoryGroup & { readonly members: readonly string[] }

/** Stores a group that is new or changed, its audit entry, and what follows for its members. */
async function saveGroup(
  tx: Tx,
  source: ProvisioningSource,
  before: WithMembers | undefined,
  { displayName, externalId: given, members }: ScimGroup,
  deps: Deps,
): Promise<{ group: DirectoryGroup; consequences: Consequences }> {
  const now = deps.clock.now()
  const externalId = given === '' ? undefined : given
  const [old, next] = [new Set(before?.members), new Set(members)]
  const added = members.filter((id) => !old.has(id))
  const removed = [...old].filter((id) => !next.has(id))
  const isRenamed = before?.displayName !== displayName || before.externalId !== externalId
  if (before !== undefined && !isRenamed && added.length + removed.length === 0)
    return { group: before, consequences: { ended: [], changed: [], revoked: [] } }
  const group: DirectoryGroup = {
    id: before?.id ?? newId('grp'),
    source: source.name,
    displayName,
    externalId,
    createdAt: before?.createdAt ?? now,
    changedAt: now,
  }
  const other = await findDirectoryGroup(tx, source.name, { displayName })
  if (other !== undefined && other.id !== group.id) throw conflicting('displayName', displayName)
  await needUsers(tx, source, added)
  await saveDirectoryGroup(tx, group)
  await removeMembers(tx, group.id, removed)
  await addMembers(tx, group.id, added)
  await appendAudit(tx, now, {
    type: before === undefined ? 'directory.group_created' : 'directory.group_changed',
    actor: actorOf(source),
    subject: group.id,
    data: {
      displayName,
      ...(externalId === undefined ? {} : { externalId }),
      added: named(added),
      removed: named(removed),
    },
  })
  const affected = isRenamed ? [...new Set([...old, ...next])] : [...added, ...removed]
  return { group, consequences: await consequencesFor(tx, source, affected, deps) }
}

/** Users of another source, users that were deleted, and groups are nobody here. */
async function needUsers(tx: Tx, source: ProvisioningSource, ids: readonly string[]): Promise<void> {
  const found = new Set((await directoryUsersById(tx, source.name, ids)).map(({ id }) => id))
  const missing = ids.find((id) => !found.has(id))
  if (missing !== undefined)
    throw badRequest('invalidValue', `members: ${JSON.stringify(missing.slice(0, 100))} is no user of this directory`)
}

async function consequencesFor(
  tx: Tx,
  source: ProvisioningSource,
  userIds: readonly string[],
  deps: Deps,
): Promise<Consequences> {
  const users = await directoryUsersById(tx, source.name, userIds)
  return applyDirectory(tx, source, touched(source, users), deps)
}

/** In the audit chain: how many, and the first of them. */
const named = (ids: readonly string[]): { readonly count: number; readonly first: readonly string[] } => ({
  count: ids.length,
  first: ids.slice(0, MAX_NAMED),
})

const toScim = ({ displayName, externalId }: DirectoryGroup): Omit<ScimGroup, 'members'> => ({
  displayName,
  ...(externalId === undefined ? {} : { externalId }),
})

const MAX_NAMED = 100
/** Groups in an answer that lists their members. */
const MAX_WITH_MEMBERS = 10
