import { join } from 'node:path'
import type { Grant } from '../access/grant.ts'
import { describeAutomatic } from '../access/review.ts'
import type { Login } from '../identity/login.ts'
import type { CredentialLease } from '../credentials/credential.ts'
import type { Secrets } from '../credentials/secrets.ts'
import { decideAccess, decideBreakGlass } from '../policy/decide.ts'
import { liftedPolicy } from '../policy/lifted.ts'
import type { AccessRule, Policy } from '../policy/policy.ts'
import { isSamePerson } from '../policy/same-person.ts'
import type { SessionRecorder } from '../recording/recorder.ts'
import type { Spool } from '../recording/spool.ts'
import type { Clock } from '../shared/clock.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'
import type { Logger } from '../shared/logger.ts'
import type { ComparisonBudget } from './comparison-budget.ts'
import { accessRuleNow, keepsAccess, otherRules } from './keeps-access.ts'
import { clientLeft } from './early-input.ts'
import { followAccess } from './credential-end.ts'
import { credentialSource, type Accounts } from './credential-source.ts'
import type { Engine, Session } from './engine.ts'
import { gatewayName } from './gateway-name.ts'
import type { GatewayState } from './gateway-state.ts'
import { createSession, type RunningSession } from './session.ts'
import { activityOf } from './session-activity.ts'
import type { SessionRegistry } from './session-registry.ts'
import type { OpenedSession, SharedSessions } from './shared-sessions.ts'
import type { TargetConfig } from './target.ts'
import { requestCommand } from '../shared/request-command.ts'

export interface TunnelParts {
  /** Address of the caller. */
  readonly from: string
  /** As currently configured: a reload changes them. */
  readonly settings: () => TunnelSettings
  /** By type of target. */
  readonly protocols: ReadonlyMap<string, ServedProtocol>
  readonly state: GatewayState
  readonly registry: SessionRegistry
  readonly sharedSessions: SharedSessions
  readonly spool: Spool
  readonly digestKey: Uint8Array
  readonly comparisonBudget: ComparisonBudget
  /** As currently configured. */
  readonly secrets: () => Secrets
  readonly clock: Clock
  readonly logger: Logger
}

/** The part of the configuration that a tunnel depends on. */
export interface TunnelSettings {
  readonly targets: readonly TargetConfig[]
  readonly policy: Policy
  readonly limits: Session['limits'] & { readonly sessionsPerPerson: number }
  readonly recording: { readonly durability: 'buffered' | 'strict'; readonly encryptTo: readonly string[] }
}

export interface ServedProtocol {
  readonly engine: Engine
  readonly target: Accounts & { defaultSchema(target: TargetConfig): string | undefined }
}

/** What a session is opened for: who, to what, as whom. */
export interface Wanted {
  readonly login: Login
  readonly target: TargetConfig
  readonly protocol: ServedProtocol
  /** The account that the client asks for, where its protocol names one. */
  readonly account: string | undefined
}

/** When a session ends by its grant; `moved` hears of a later end. */
interface Term {
  endsAt: number
  moved: () => void
}

/** A session that is being opened: what is known before it has a record. */
interface Opening extends Wanted {
  readonly id: string
  readonly openedAt: number
  /** Path of its record, relative to the spool. */
  readonly recording: string
  /** As it was when the session began; `term` says when it ends now. */
  readonly grant: Grant
  readonly term: Term
  readonly settings: TunnelSettings
  readonly logger: Logger
  readonly ended: AbortController
}

/** Puts in place what must be there before a byte goes upstream: access, grant, record, entry in the registry. */
export async function openSession(wanted: Wanted, parts: TunnelParts): Promise<OpenedSession> {
  const { login } = wanted
  limitSessions(login, parts.settings(), parts.registry)
  const begun = parts.registry.begin(login.person.id)
  try {
    return await open(wanted, parts, begun)
  } finally {
    begun()
  }
}

/** `isListed` is called once the session is in the registry. */
async function open(wanted: Wanted, parts: TunnelParts, isListed: () => void): Promise<OpenedSession> {
  const { login, target, protocol, account } = wanted
  const { clock, state, registry } = parts
  const settings = parts.settings()
  await state.refuseLocked(login.person.id, target, clock.now())
  const { rule, grant } = await accessTo(wanted, parts)
  const credentials = credentialSource(protocol.target, target, account, rule, parts.secrets())
  const id = newId('ses')
  const openedAt = clock.now()
  const opening: Opening = {
    ...wanted,
    id,
    openedAt,
    recording: join(new Date(openedAt).toISOString().slice(0, 7), `${id}.pamrec`),
    grant,
    term: { endsAt: grant.endsAt, moved: () => {} },
    settings,
    logger: parts.logger.child({ session: id, target: target.name }),
    ended: new AbortController(),
  }
  const lease = await credentials.lease({
    session: id,
    person: { id: login.person.id, label: login.person.label },
    at: openedAt,
    endsAt: grant.endsAt,
    gateway: gatewayName(parts.digestKey),
  })
  let recorder: SessionRecorder
  try {
    recorder = await openRecord(opening, lease.user, parts.spool)
  } catch (error) {
    await lease.release()
    throw error
  }
  const session = createSession({
    ...parts,
    ...opening,
    grant: () => ({ ...grant, endsAt: opening.term.endsAt }),
    config: target,
    configNow: () =>
      parts.settings().targets.find((one) => one.name === target.name && one.type === target.type) ?? target,
    defaultSchema: protocol.target.defaultSchema(target),
    lease,
    recorder,
    limits: settings.limits,
    policy: () => policyUnder(grant, login, target, parts.settings()),
  })
  const stopTimers = watch(opening, session, parts)
  endWithLease(session)
  registry.add(listed(opening, { session, recorder }, credentialEnd(opening, session, parts)))
  isListed()
  const close = (): Promise<void> => {
    stopTimers()
    return closeSession(opening, { session, recorder }, parts)
  }
  try {
    await confirm(opening, session, parts)
  } catch (error) {
    session.end(asPamError(error))
    // The client is told of the first failure.
    await close().catch(() => {})
    throw error
  }
  opening.logger.info({ person: login.person.id, grant: grant.id }, 'session.opened')
  return { session, close }
}

/** The rule that gives access, and the grant under it: of an emergency while there is one, else of daily work. */
async function accessTo(
  { login: { person }, target }: Wanted,
  { state, clock, settings }: TunnelParts,
): Promise<{ readonly rule: AccessRule; readonly grant: Grant }> {
  const taken = await state.breakGlassFor(person.id, target.name, clock.now())
  const { policy } = settings()
  const broken = taken && decideBreakGlass(policy, person, target, taken.rule)
  if (taken !== undefined && broken !== undefined) return { rule: broken, grant: taken }
  const rule = decideAccess(policy, person, target)
  if (rule !== undefined) return { rule, grant: await state.grantFor(person, target, rule, clock.now()) }
  if (decideBreakGlass(policy, person, target) === undefined)
    throw new PamError('NO_ACCESS', `no access rule grants you ${target.name}`)
  throw new PamError('NO_GRANT', `you have access to ${target.name} only in an emergency`, {
    hint: `reviewers, auditors and operators are told, and it is reviewed: pamctl breakglass start ${target.name} --reason "…"`,
  })
}

/** Throws where the person has too many sessions. */
function limitSessions({ person }: Login, { limits }: TunnelSettings, registry: SessionRegistry): void {
  const { live, ending } = registry.countOf(person.id)
  if (live >= limits.sessionsPerPerson) {
    throw new PamError('RATE_LIMITED', `you have ${limits.sessionsPerPerson} sessions open already`, {
      hint: 'close one of them first',
    })
  }
  // With a slow disk, records of sessions that one person opens and leaves would pile up.
  if (ending >= limits.sessionsPerPerson) {
    throw new PamError('RATE_LIMITED', `${ending} of your sessions have ended and are still being put on record`, {
      hint: 'connect again in a moment',
    })
  }
}

/** Resolves when the beginning of the record is durable. */
function openRecord(opening: Opening, account: string, spool: Spool): Promise<SessionRecorder> {
  const { id, login, target, grant, settings, logger, ended } = opening
  const { person } = login
  return spool.open(
    {
      type: 'opened',
      version: 3,
      session: id,
      person: { id: person.id, label: person.label, kind: person.kind },
      target: target.name,
      protocol: target.type,
      account,
      grant: {
        id: grant.id,
        rule: grant.rule,
        reason: grant.reason,
        endsAt: new Date(grant.endsAt).toISOString(),
        ...(grant.automatic === undefined ? {} : { approver: describeAutomatic(grant.automatic) }),
      },
      policy: settings.policy.version,
    },
    {
      file: opening.recording,
      recipients: settings.recording.encryptTo,
      // What is done in an emergency is on the disk before it is done, whatever the target says.
      strict: grant.breakGlass !== undefined || (target.durability ?? settings.recording.durability) === 'strict',
      onFailure(error) {
        logger.error({ cause: (error.cause as Error | undefined)?.message }, 'recording.failed')
        ended.abort(error)
      },
    },
  )
}

/** Has the session's credential follow its grant; what goes wrong with that is audited. */
const credentialEnd = (
  { id, grant, logger, ended }: Opening,
  { lease }: RunningSession,
  { clock, state }: TunnelParts,
): ((endsAt: number) => void) =>
  followAccess({
    lease,
    endsAt: grant.endsAt,
    clock,
    ended: ended.signal,
    note(outcome) {
      const { error, attempts } = outcome
      if (error !== undefined) logger.error({ cause: error, attempts }, 'credential.extend_failed')
      state
        .credentialExtension(id, outcome, clock.now())
        .catch((failure: unknown) => logger.error({ cause: failure }, 'credential.extension_not_audited'))
    },
  })

/** The session as the registry lists it. */
const listed = (
  { id, login, grant, target, term }: Opening,
  { session, recorder }: { readonly session: RunningSession; readonly recorder: SessionRecorder },
  extendCredential: (endsAt: number) => void,
): Parameters<SessionRegistry['add']>[0] => ({
  id,
  person: login.person,
  loginId: login.id,
  grantId: grant.id,
  target: target.name,
  account: accountOf(session.lease),
  breakGlass: breakGlassRule(grant),
  tally: () => session.tally(),
  activity: () =>
    activityOf(
      { last: session.lastCommand(), held: session.firstHeld(), settled: recorder.lastSettled },
      recorder.isEncrypted,
    ),
  recent: (approvalId) => (recorder.isEncrypted ? [] : session.recent(approvalId)),
  isAsBegun: () => session.isAsBegun(),
  end: (reason) => session.end(reason),
  extend(endsAt) {
    term.endsAt = endsAt
    term.moved()
    extendCredential(endsAt)
  },
  decided: (approval) => session.decided(approval),
  held: (approvalId) => session.held(approvalId),
})

/**
 * Stores the session, then checks locks, grant, login and rules once more: what was locked, revoked, signed out or removed before the session
 * was in the registry could not end it there.
 */
async function confirm(
  opening: Opening,
  session: RunningSession,
  { state, clock, from, settings, registry }: TunnelParts,
): Promise<void> {
  const { id, login, target, grant, openedAt, recording } = opening
  await state.sessionOpened({
    id,
    person: login.person,
    target: target.name,
    protocol: target.type,
    grantId: grant.id,
    loginId: login.id,
    openedAt,
    recording,
    from,
  })
  await state.refuseLocked(login.person.id, targetNow(target, settings()), clock.now())
  if (!(await state.isGrantActive(grant.id, clock.now())))
    throw new PamError('GRANT_REVOKED', `your access to ${target.name} has ended`)
  const current = await provenLogin(login, state, clock)
  if (current === undefined) throw identityLost()
  const rules = settings()
  const access = { target: target.name, account: accountOf(session.lease), breakGlass: breakGlassRule(grant) }
  if (!keepsAccess(access, current.person, rules))
    throw new PamError('NO_ACCESS', `no access rule grants you ${target.name} now`)
  if (!session.isAsBegun()) throw otherRules()
  if (!isSamePerson(rules.policy, login.person, current.person))
    throw new PamError('IDENTITY_LOST', 'your group membership changed', { hint: 'connect again' })
  registry.proven(id, current.person)
}

/** The rule of a grant that was taken in an emergency. */
const breakGlassRule = ({ rule, breakGlass }: Grant): string | undefined =>
  breakGlass === undefined ? undefined : rule

/** The rules in force, as a session under this grant has them. */
function policyUnder(grant: Grant, { person }: Login, target: TargetConfig, rules: TunnelSettings): Policy {
  const breakGlass = breakGlassRule(grant)
  if (breakGlass === undefined) return rules.policy
  return liftedPolicy(rules.policy, accessRuleNow({ target: target.name, breakGlass }, person, rules))
}

/** With the labels that it has now: a reload may have put it under a lock. */
const targetNow = (target: TargetConfig, { targets }: TunnelSettings): TargetConfig =>
  targets.find(({ name }) => name === target.name) ?? target

/** Releases the credential, seals the record, and notes the reason of the end in store and log. Each step is taken even where another one fails. */
async function closeSession(
  { id, logger }: Opening,
  { session, recorder }: { readonly session: RunningSession; readonly recorder: SessionRecorder },
  { spool, state, registry, clock }: TunnelParts,
): Promise<void> {
  const reason = endOf(session)
  const { code, message } = reason
  const tally = session.tally()
  registry.over(id)
  const at = clock.now()
  // The credential does not wait for the disk.
  const [released, sealed] = await Promise.allSettled([
    session.lease.release(),
    spool.close(recorder, { code, message }),
  ])
  const end = { at, code, message, ...tally }
  try {
    await state.sessionEnded(id, end)
  } catch (error) {
    registry.unnoted(id, end)
    throw error
  } finally {
    registry.remove(id)
  }
  if (sealed.status === 'rejected') throw sealed.reason
  // The session is over all the same; what was made for it is looked for again later.
  if (released.status === 'rejected') logger.error({ cause: released.reason }, 'credential.release_failed')
  // The cause of an internal error is logged under the id that the client was given.
  if (code === 'INTERNAL') logger.error({ id: reason.id, cause: reason.cause }, 'session.failed')
  logger.info({ code, commands: tally.commands }, 'session.ended')
}

/** Why the session ended: without another reason, the client left. */
export const endOf = (session: Session): PamError => (session.ended.reason as PamError | undefined) ?? clientLeft()

/** The account that rules name. */
const accountOf = ({ account, user }: CredentialLease): string => account ?? user

/** What a target still lets somebody do whose credential was taken back is not for us to find out. */
function endWithLease(session: RunningSession): void {
  const { lost } = session.lease
  if (lost === undefined) return
  const over = (): void => session.end(asPamError(lost.reason))
  if (lost.aborted) over()
  else lost.addEventListener('abort', over, { once: true })
}

/** Ends the session when its grant ends, and when its identity was not verified again in time. The returned function stops both timers. */
function watch({ term, target, login }: Opening, session: Session, { clock, state }: TunnelParts): () => void {
  let stopGrant = (): void => {}
  term.moved = () => {
    stopGrant()
    stopGrant = clock.at(term.endsAt, () => session.end(grantOver(target.name)))
  }
  term.moved()
  let stopIdentity = (): void => {}
  let isStopped = false
  const check = async (): Promise<void> => {
    const current = await provenLogin(login, state, clock)
    if (current === undefined) session.end(identityLost())
    else if (!isStopped) arm(current.provenUntil)
  }
  const arm = (at: number): void => {
    stopIdentity = clock.at(at, () => void check().catch((error: unknown) => session.end(asPamError(error))))
  }
  arm(login.provenUntil)
  return () => {
    isStopped = true
    term.moved = () => {}
    stopGrant()
    stopIdentity()
  }
}

/** The current login; undefined where it has ended, or its identity has not been verified in time. */
async function provenLogin({ id }: Login, state: GatewayState, clock: Clock): Promise<Login | undefined> {
  const current = await state.login(id)
  return current === undefined || current.endedAt !== undefined || current.provenUntil <= clock.now()
    ? undefined
    : current
}

const grantOver = (target: string): PamError =>
  new PamError('GRANT_OVER', `your access to ${target} has ended`, {
    hint: `request it again: ${requestCommand(target)}`,
  })

const identityLost = (): PamError =>
  new PamError('IDENTITY_LOST', 'your identity could not be re-verified', { hint: 'sign in again: pamctl login' })
