import { join } from 'node:path'
import type { Grant } from '../access/grant.ts'
import { describeAutomatic } from '../access/review.ts'
import type { CredentialLease } from '../credentials/credential.ts'
import { isSamePerson } from '../policy/same-person.ts'
import type { SessionRecorder } from '../recording/recorder.ts'
import type { Spool } from '../recording/spool.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'
import type { Logger } from '../shared/logger.ts'
import { keepsAccess, otherRules } from './keeps-access.ts'
import { clientLeft } from './early-input.ts'
import { followAccess } from './credential-end.ts'
import { credentialSource } from './credential-source.ts'
import type { Session } from './engine.ts'
import { gatewayName } from './gateway-name.ts'
import { accessTo, breakGlassRule, limitSessions, policyUnder } from './session-access.ts'
import { createSession, type RunningSession } from './session.ts'
import { activityOf } from './session-activity.ts'
import type { SessionRegistry } from './session-registry.ts'
import { identityLost, provenLogin, watchTerm, type Term } from './session-term.ts'
import type { OpenedSession } from './shared-sessions.ts'
import type { TargetConfig } from './target.ts'
import type { TunnelParts, TunnelSettings, Wanted } from './tunnel-parts.ts'

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
  let current = grant
  const session = createSession({
    ...parts,
    ...opening,
    grant: () => {
      if (current.endsAt !== opening.term.endsAt) current = { ...grant, endsAt: opening.term.endsAt }
      return current
    },
    config: target,
    configNow: () =>
      parts.settings().targets.find((one) => one.name === target.name && one.type === target.type) ?? target,
    defaultSchema: protocol.target.defaultSchema(target),
    lease,
    recorder,
    limits: settings.limits,
    policy: () => policyUnder(grant, login, target, parts.settings()),
  })
  const stopTimers = watchTerm(opening, session, parts)
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

/** The account that rules name. */
const accountOf = ({ account, user }: CredentialLease): string => account ?? user

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

/** What a target still lets somebody do whose credential was taken back is not for us to find out. */
function endWithLease(session: RunningSession): void {
  const { lost } = session.lease
  if (lost === undefined) return
  const over = (): void => session.end(asPamError(lost.reason))
  if (lost.aborted) over()
  else lost.addEventListener('abort', over, { once: true })
}
