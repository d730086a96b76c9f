import type { LoginOrigin } from '../identity/login-origin.ts'
import { PamError } from '../shared/errors.ts'
import { nameKey } from '../shared/name-key.ts'
import { groupsOfUser } from '../storage/directory-groups.ts'
import {
  directoryUsersOf,
  findDeletedUser,
  findDirectoryUser,
  type DirectoryUser,
  type UserFilter,
} from '../storage/directory-users.ts'
import type { Reader } from '../storage/page.ts'

/** A directory that provisions people by SCIM, as configured; tied to one issuer. */
export interface ProvisioningSource {
  readonly name: string
  /** What it must present, read anew for each request. */
  readonly token: () => string
  /** The attribute of its users that is compared with a claim of the issuer's tokens. */
  readonly attribute: 'userName' | 'externalId'
  /** Where groups come from. */
  readonly groups: 'token' | 'scim' | 'both'
  /** What rules call a group of this directory. */
  readonly groupName: 'displayName' | 'externalId'
  /** Whether people must be in the directory to sign in. */
  readonly required: boolean
  /** Groups that the issuer gives to everybody. */
  readonly always: readonly string[]
  /** The only groups that people of the issuer can have; undefined where there is no limit. */
  readonly known: readonly string[] | undefined
}

/** Whose standing is asked for. */
export interface Subject {
  readonly personId: string
  readonly origin: LoginOrigin | undefined
}

/** Why a directory lets somebody not in. `unnamed`: the token does not say whom the directory is to be asked for. */
type Bar = 'disabled' | 'deleted' | 'unknown' | 'unnamed'

/** What directories make of a person. */
export type Standing =
  | { readonly may: true; readonly groups: readonly string[] | undefined; readonly user: DirectoryUser | undefined }
  | { readonly may: false; readonly because: Bar; readonly source: string }

/**
 * Whether directories let a person in, and with which groups (undefined: those of the token). Every directory that knows the person has a say: who is
 * joined across issuers, and disabled at one of them, is nobody's person any more. Their own source is asked by the claim that names them there.
 */
export async function directoryStanding(
  db: Reader,
  { personId, origin }: Subject,
  sources: readonly ProvisioningSource[],
): Promise<Standing> {
  if (sources.length === 0) return { may: true, groups: undefined, user: undefined }
  const linked = (await directoryUsersOf(db, personId)).filter((user) =>
    sources.some(({ name }) => name === user.source),
  )
  const source = sources.find(({ name }) => name === origin?.directory?.source)
  const user = source && (await userOf(db, source, origin?.directory?.key))
  const barred =
    (user === undefined ? undefined : whyNot(user)) ??
    linked.map((one) => (isReplaced(one, user, linked) ? undefined : whyNot(one))).find((one) => one !== undefined)
  if (barred !== undefined) return barred
  if (source === undefined || origin === undefined) return { may: true, groups: undefined, user: undefined }
  if (user === undefined) {
    // Whoever chooses the scopes of a sign-in may choose what a token leaves out: it could be of somebody who is disabled.
    if (origin.directory?.key === undefined) return { may: false, because: 'unnamed', source: source.name }
    if (await wasDeleted(db, source, origin.directory.key))
      return { may: false, because: 'deleted', source: source.name }
    if (source.required) return { may: false, because: 'unknown', source: source.name }
  }
  return { may: true, groups: await joinedGroups(db, source, origin, user), user }
}

const whyNot = ({ source, active, deletedAt }: DirectoryUser): Standing | undefined =>
  deletedAt !== undefined
    ? { may: false, because: 'deleted', source }
    : active
      ? undefined
      : { may: false, because: 'disabled', source }

/**
 * A user that was deleted counts for nothing once the directory has made the same one again: the same name in the directory, and not only the
 * same userName, which may be somebody else's by now. Two without an externalId are not known to be the same.
 */
function isReplaced(gone: DirectoryUser, user: DirectoryUser | undefined, linked: readonly DirectoryUser[]): boolean {
  if (gone.deletedAt === undefined || gone.externalId === undefined) return false
  return [...linked, ...(user === undefined ? [] : [user])].some(
    (one) => one.deletedAt === undefined && one.source === gone.source && one.externalId === gone.externalId,
  )
}

const userOf = async (
  db: Reader,
  source: ProvisioningSource,
  key: string | undefined,
): Promise<DirectoryUser | undefined> =>
  key === undefined ? undefined : findDirectoryUser(db, source.name, filterOf(source, key))

const wasDeleted = async (db: Reader, source: ProvisioningSource, key: string | undefined): Promise<boolean> =>
  key !== undefined && (await findDeletedUser(db, source.name, filterOf(source, key))) !== undefined

const filterOf = ({ attribute }: ProvisioningSource, key: string): Pick<UserFilter, 'userName' | 'externalId'> =>
  attribute === 'userName' ? { userName: key } : { externalId: key }

/** The name by which tokens of the issuer name a user, as logins keep it. */
export const directoryKey = (
  { attribute }: Pick<ProvisioningSource, 'attribute'>,
  { userName, externalId }: Pick<DirectoryUser, 'userName' | 'externalId'>,
): string | undefined => (attribute === 'userName' ? nameKey(userName) : externalId)

/** Groups of the token and of the directory, as the source is configured. */
async function joinedGroups(
  db: Reader,
  { groups, groupName, always, known }: ProvisioningSource,
  origin: LoginOrigin,
  user: DirectoryUser | undefined,
): Promise<readonly string[] | undefined> {
  if (groups === 'token') return undefined
  const own = user === undefined ? [] : await groupsOfUser(db, user.id)
  const names = own
    .map((group) => (groupName === 'displayName' ? group.displayName : group.externalId))
    .filter((name): name is string => name !== undefined && (known === undefined || known.includes(name)))
    .toSorted()
  return [...new Set([...(groups === 'both' ? origin.groups : always), ...names])]
}

/** What a person is told who may not sign in. */
export const disabledError = ({ because, source }: Extract<Standing, { may: false }>): PamError =>
  new PamError('ACCOUNT_DISABLED', WORDS[because](source), { hint: 'ask your administrator' })

const WORDS: Readonly<Record<Bar, (source: string) => string>> = {
  disabled: (source) => `the directory "${source}" has disabled your account`,
  deleted: (source) => `the directory "${source}" has deleted your account`,
  unknown: (source) => `the directory "${source}" does not know you`,
  unnamed: (source) => `your sign-in does not have the claim that names you in the directory "${source}"`,
}
