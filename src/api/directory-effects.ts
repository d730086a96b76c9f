import { allowAgain, blocksStanding, revokeGrant, type Grant } from '../access/grant.ts'
import type { AccessRequest } from '../access/request.ts'
import { auditedTargets } from '../access/requested-targets.ts'
import { takenBack } from '../access/review.ts'
import type { Login } from '../identity/login.ts'
import type { Person } from '../policy/command.ts'
import { matchesAccess } from '../policy/decide.ts'
import { matchesWho } from '../policy/match/who.ts'
import { PamError } from '../shared/errors.ts'
import { appendAudit } from '../storage/audit.ts'
import type { Tx } from '../storage/database.ts'
import { listGrants, saveGrant } from '../storage/grants.ts'
import { lastLoginOf, openLoginsInDirectory, saveLogin, saveSignOutEverywhere } from '../storage/logins.ts'
import { passkeysOf, removePasskeys } from '../storage/passkeys.ts'
import { listRequests, saveRequest } from '../storage/requests.ts'
import { endBreakGlass } from './break-glass.ts'
import type { ApiDeps, ApiSettings } from './deps.ts'
import { directoryStanding, disabledError, type ProvisioningSource, type Standing } from './directory-standing.ts'
import { saveEnd } from './end-login.ts'

/** Of whom a directory has said something new. */
export interface Touched {
  /** Names by which logins know them, before and after (`directoryKey`). */
  readonly keys: readonly string[]
  readonly personIds: readonly string[]
}

/** What follows for logins. It takes effect on live sessions once the transaction is over: `takeEffect`. */
export interface Consequences {
  readonly ended: readonly { readonly login: Login; readonly reason: PamError }[]
  readonly changed: readonly Login[]
  readonly revoked: readonly Grant[]
}

/**
 * What follows from a change of a directory, in the same transaction: who may not sign in any more loses every login, browser and grant, and their
 * tokens prove nothing; who has other groups has them from now on, and loses the grants of rules that were for the old ones.
 */
export async function applyDirectory(
  tx: Tx,
  source: ProvisioningSource,
  { keys, personIds }: Touched,
  { settings, clock }: Pick<ApiDeps, 'settings' | 'clock'>,
): Promise<Consequences> {
  const rules = settings()
  const { provisioning } = rules
  const now = clock.now()
  const logins = await openLoginsInDirectory(tx, source.name, { keys, personIds })
  const ended: { login: Login; reason: PamError }[] = []
  const changed: Login[] = []
  const revoked: Grant[] = []
  const barred = new Set<string>()
  for (const login of logins) {
    const standing = await standingOfLogin(tx, login, provisioning)
    if (!standing.may) {
      const reason = disabledError(standing)
      await saveEnd(tx, login, now, { why: standing.because, directory: standing.source }, actorOf(source))
      ended.push({ login, reason })
      if (!barred.has(login.person.id)) revoked.push(...(await barPerson(tx, login.person, reason, source, now)))
      barred.add(login.person.id)
      continue
    }
    const next = withGroups(login, standing)
    if (next === login) continue
    await saveLogin(tx, next)
    await appendAudit(tx, now, {
      type: 'login.changed',
      actor: actorOf(source),
      subject: login.id,
      data: { label: next.person.label, kind: next.person.kind, groups: next.person.groups },
    })
    changed.push(next)
    revoked.push(...(await revokeLostGrants(tx, next.person, rules, source, now)))
  }
  // Whoever is not signed in may have grants, too.
  for (const personId of personIds) {
    if (logins.some(({ person }) => person.id === personId)) continue
    const last = await lastLoginOf(tx, personId)
    if (last === undefined) continue
    const standing = await standingOfLogin(tx, last, provisioning)
    revoked.push(
      ...(standing.may
        ? await revokeLostGrants(tx, withGroups(last, standing).person, rules, source, now)
        : await barPerson(tx, last.person, disabledError(standing), source, now)),
    )
  }
  return { ended, changed, revoked }
}

/** Ends live sessions, after the commit. */
export function takeEffect(
  { ended, changed, revoked }: Consequences,
  { registry, settings }: Pick<ApiDeps, 'registry' | 'settings'>,
): void {
  for (const { login, reason } of ended)
    registry.endWhere(
      ({ loginId }) => loginId === login.id,
      new PamError('IDENTITY_LOST', reason.message, { hint: 'ask your administrator' }),
    )
  for (const { id, person } of changed) registry.personChanged(person, settings(), new Set([id]))
  for (const { id, target, revoked: why } of revoked)
    registry.endWhere(
      ({ grantId }) => grantId === id,
      new PamError('GRANT_REVOKED', `your access to ${target} was revoked: ${why?.reason ?? ''}`, {
        hint: 'ask your administrator',
      }),
    )
}

export const actorOf = ({ name }: Pick<ProvisioningSource, 'name'>): string => `directory:${name}`

/** Revokes the grants of rules that are not for this person. */
export async function revokeLostGrants(
  tx: Tx,
  person: Person,
  { policy, targets }: Pick<ApiSettings, 'policy' | 'targets'>,
  source: Pick<ProvisioningSource, 'name'>,
  now: number,
): Promise<Grant[]> {
  const isLost = (grant: Pick<Grant, 'rule' | 'target'>): boolean => {
    const rule = policy.access.find(({ name }) => name === grant.rule)
    const target = targets.find(({ name }) => name === grant.target)
    if (rule === undefined) return false
    return target === undefined ? !matchesWho(rule.who, person) : !matchesAccess(rule, person, target)
  }
  return revokeGrants(tx, person.id, isLost, 'group membership changed in the directory', source, now)
}

const standingOfLogin = (tx: Tx, login: Login, sources: readonly ProvisioningSource[]): Promise<Standing> =>
  directoryStanding(tx, { personId: login.person.id, origin: login.origin }, sources)

/** The login as its person is now; itself where nothing has changed. */
function withGroups(login: Login, standing: Extract<Standing, { may: true }>): Login {
  const groups = standing.groups ?? login.origin?.groups ?? login.person.groups
  return groups.join('\n') === login.person.groups.join('\n')
    ? login
    : { ...login, person: { ...login.person, groups } }
}

async function barPerson(
  tx: Tx,
  { id }: Pick<Person, 'id'>,
  { message }: PamError,
  source: ProvisioningSource,
  now: number,
): Promise<Grant[]> {
  await saveSignOutEverywhere(tx, id, now)
  await removePasskeys(tx, await passkeysOf(tx, id), { actor: actorOf(source), why: message, now })
  return revokeGrants(tx, id, () => true, message, source, now)
}

/**
 * Revokes grants, and withdraws requests that would become some. Standing access is not blocked by it: the person gets it again with the group.
 */
async function revokeGrants(
  tx: Tx,
  personId: string,
  isLost: (access: Pick<Grant, 'rule' | 'target'>) => boolean,
  reason: string,
  source: Pick<ProvisioningSource, 'name'>,
  now: number,
): Promise<Grant[]> {
  const given = await listGrants(tx, { personId, unendedAt: now }, { limit: MAX_GRANTS })
  const lost = given.filter(isLost).map((grant) => revokeGrant(grant, `directory ${source.name}`, reason, now))
  for (const grant of lost) {
    await saveGrant(tx, blocksStanding(grant) ? allowAgain(grant, now) : grant)
    if (grant.breakGlass !== undefined) await endBreakGlass(tx, grant.breakGlass, now)
    await appendAudit(tx, now, {
      type: 'grant.revoked',
      actor: actorOf(source),
      subject: grant.id,
      data: { target: grant.target, reason },
    })
  }
  const pending = await listRequests(tx, { personId, state: 'pending' }, { limit: MAX_GRANTS })
  const isLostIn = (request: AccessRequest): boolean =>
    request.targets.some(({ name: target, rule }) => isLost({ target, rule }))
  for (const request of pending.filter(isLostIn)) {
    await saveRequest(tx, takenBack(request, { by: `directory ${source.name}`, at: now }))
    await appendAudit(tx, now, {
      type: 'request.withdrawn',
      actor: actorOf(source),
      subject: request.id,
      data: { ...auditedTargets(request), reason },
    })
  }
  return lost
}

/** Grants and requests of one person: there is one of each for a target. */
const MAX_GRANTS = 10_000
