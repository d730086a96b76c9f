import type { AuditEventType } from '../recording/audit-event-types.ts'
import {
  beginBreakGlass,
  dueNotice,
  grantBreakGlass,
  reviewBreakGlass,
  type BreakGlass,
} from '../access/break-glass.ts'
import type { Login } from '../identity/login.ts'
import { decideBreakGlass } from '../policy/decide.ts'
import type { AccessRule } from '../policy/policy.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import { appendAudit, type AuditEntry } from '../storage/audit.ts'
import { breakGlassIn, breakGlassOf, findBreakGlass, saveBreakGlass } from '../storage/break-glass.ts'
import type { Tx } from '../storage/database.ts'
import { announcedTo } from '../storage/deliveries.ts'
import { saveGrant } from '../storage/grants.ts'
import { refuseLocked } from '../storage/locks.ts'
import { onlyOne, type Reader } from '../storage/page.ts'
import { hasRole } from './authenticate.ts'
import { reviewerOf } from './visible-review.ts'
import type { ApiDeps } from './deps.ts'
import { provenLogin } from './proven-login.ts'
import { requestCommand } from '../shared/request-command.ts'

type Deps = Pick<ApiDeps, 'db' | 'clock' | 'settings' | 'evidence' | 'registry'>

export interface AskedBreakGlass {
  readonly target: string
  readonly reason: string
  readonly lengthMs?: number | undefined
}

/**
 * Access in an emergency: on record, then announced, then given. Where nobody could be told and the rule demands it, nobody gets any. What holds is
 * looked at again once it was announced: locks, the login, the rules.
 */
export async function startBreakGlass(
  { id: loginId }: Pick<Login, 'id'>,
  asked: AskedBreakGlass,
  from: string,
  deps: Deps,
): Promise<{ readonly use: BreakGlass; readonly announced: readonly string[] }> {
  const { db, clock } = deps
  const { health } = deps.evidence.spool
  if (!health.ok)
    throw new PamError('RECORDING_FAILED', 'records cannot be written now, so there is no emergency access', {
      side: 'gateway',
      hint: 'ask your administrator: /readyz says why',
    })
  const begun = await db.change(async (tx) => {
    const now = clock.now()
    const { login, rule } = await stillAllowed(tx, loginId, asked.target, undefined, deps)
    const { id, label, kind } = login.person
    const use = beginBreakGlass(
      { ...asked, person: { id, label, kind }, authTime: login.authTime, length: asked.lengthMs, rule },
      await breakGlassOf(tx, id, now - DAY_MS),
      { now, recentSignIn: deps.settings().recentSignIn },
    )
    await saveBreakGlass(tx, use)
    await audit(tx, now, 'breakglass.begun', id, use, {
      reason: use.reason,
      lengthMs: use.length,
      login: loginId,
      from,
    })
    return use
  })
  try {
    const announced = await announcement(begun, deps)
    return await db.change(async (tx) => {
      const now = clock.now()
      const { rule } = await stillAllowed(tx, loginId, begun.target, begun.rule, deps)
      if (announced.length === 0 && rule.breakGlass?.announcement !== 'best-effort')
        throw new PamError(
          'ANNOUNCEMENT_FAILED',
          'nobody could be told that you break the glass, so there is no emergency access',
          {
            side: 'gateway',
            id: begun.id,
            hint: 'ask your administrator: /v1/deliveries says what the channels answered',
          },
        )
      const [current] = await findBreakGlass(tx, begun.id)
      const { use, grant } = grantBreakGlass(current ?? begun, now)
      await saveBreakGlass(tx, use)
      await saveGrant(tx, grant)
      await audit(tx, now, 'breakglass.granted', use.person.id, use, {
        grant: grant.id,
        endsAt: grant.endsAt,
        announced: [...announced],
      })
      return { use, announced }
    })
  } catch (error) {
    await db.change((tx) => refuse(tx, clock.now(), begun.id, asPamError(error).code))
    throw error
  }
}

/** The login and the rule that let somebody break the glass on a target, as they are now. */
async function stillAllowed(
  tx: Tx,
  loginId: string,
  name: string,
  ruleName: string | undefined,
  { clock, settings }: Pick<Deps, 'clock' | 'settings'>,
): Promise<{ readonly login: Login; readonly rule: AccessRule }> {
  const login = await provenLogin(tx, loginId, clock.now())
  const { policy, targets } = settings()
  const target = targets.find((one) => one.name === name)
  const rule = target && decideBreakGlass(policy, login.person, target, ruleName)
  if (target === undefined || rule === undefined)
    throw new PamError('NO_ACCESS', `no break-glass rule covers you on "${name}"`, {
      hint: `request access: ${requestCommand(name)}`,
    })
  await refuseLocked(tx, clock.now(), login.person.id, target)
  return { login, rule }
}

/** The channels that have taken the announcement, as soon as one has; none where none did in time. */
async function announcement({ id }: BreakGlass, { db, clock, settings }: Deps): Promise<readonly string[]> {
  if (settings().channels === 0) return []
  const end = clock.now() + ANNOUNCE_TIMEOUT_MS
  for (;;) {
    const channels = await announcedTo(db.read, id, 'breakglass.begun')
    if (channels.length > 0 || clock.now() >= end) return channels
    await new Promise<void>((resolve) => clock.at(clock.now() + LOOK_EVERY_MS, resolve))
  }
}

/** Closes the review. */
export async function closeBreakGlass(
  id: string,
  { id: loginId }: Pick<Login, 'id'>,
  comment: string,
  from: string,
  deps: Deps,
): Promise<BreakGlass> {
  const { db, clock, registry } = deps
  return db.change(async (tx) => {
    const now = clock.now()
    const login = await provenLogin(tx, loginId, now)
    const use = await visibleBreakGlass(tx, id, login, deps)
    const closed = reviewBreakGlass(use, reviewerOf(login), comment, {
      now,
      recentSignIn: deps.settings().recentSignIn,
    })
    if (registry.hasGrant(use.grantId))
      throw new PamError('ALREADY_DECIDED', `sessions of ${use.id} are still open; review it once they have ended`, {
        id: use.id,
      })
    await saveBreakGlass(tx, closed)
    await audit(tx, now, 'breakglass.reviewed', login.person.id, closed, {
      comment: closed.reviewed?.comment,
      login: loginId,
      from,
    })
    return closed
  })
}

/** Whose it is, who reviews it, and those who see everything. */
export async function visibleBreakGlass(
  reader: Reader,
  id: string,
  login: Login,
  deps: Pick<Deps, 'settings'>,
): Promise<BreakGlass> {
  return onlyOne(
    (await findBreakGlass(reader, id)).filter((use) => maySeeBreakGlass(use, login, deps)),
    id,
  )
}

export const maySeeBreakGlass = (
  { person, reviewers }: BreakGlass,
  login: Login,
  deps: Pick<Deps, 'settings'>,
): boolean =>
  person.id === login.person.id ||
  reviewers.some((group) => login.person.groups.includes(group)) ||
  hasRole(login, 'audit', deps) ||
  hasRole(login, 'operate', deps)

/** Says of each use that is due that it has ended, or that its review is outstanding; refuses what a stop left half begun. */
export async function remindOfBreakGlass({ db, clock }: Pick<Deps, 'db' | 'clock'>): Promise<void> {
  const now = clock.now()
  const isStuck = ({ createdAt }: BreakGlass): boolean => now > createdAt + 2 * ANNOUNCE_TIMEOUT_MS
  for (const { id } of (await breakGlassIn(db.read, 'announcing')).filter(isStuck))
    await db.change((tx) => refuse(tx, now, id, 'GATEWAY_STOPPED'))
  for (const { id } of (await breakGlassIn(db.read, 'open')).filter((use) => dueNotice(use, now) !== undefined))
    await db.change(async (tx) => {
      const [use] = await findBreakGlass(tx, id)
      const notice = use && dueNotice(use, now)
      if (use === undefined || notice === undefined) return
      await saveBreakGlass(tx, { ...use, remindedAt: now })
      await audit(tx, now, `breakglass.${notice}`, 'gateway', use, {})
    })
}

/** Its access was taken back before its end. */
export async function endBreakGlass(tx: Tx, id: string, now: number): Promise<void> {
  const [use] = await findBreakGlass(tx, id)
  if (use?.state === 'open' && use.endsAt !== undefined && use.endsAt > now)
    await saveBreakGlass(tx, { ...use, endsAt: now })
}

async function refuse(tx: Tx, now: number, id: string, code: string): Promise<void> {
  const [use] = await findBreakGlass(tx, id)
  if (use?.state !== 'announcing') return
  await saveBreakGlass(tx, { ...use, state: 'refused' })
  await audit(tx, now, 'breakglass.refused', 'gateway', use, { code })
}

const audit = (
  tx: Tx,
  now: number,
  type: AuditEventType,
  actor: string,
  { id, person, target, rule }: BreakGlass,
  data: AuditEntry['data'],
): Promise<void> =>
  appendAudit(tx, now, { type, actor, subject: id, data: { person: person.id, target, rule, ...data } })

const DAY_MS = 86_400_000
/** Milliseconds for one channel at least to take the announcement. */
const ANNOUNCE_TIMEOUT_MS = 10_000
const LOOK_EVERY_MS = 50
