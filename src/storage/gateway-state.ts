import type { AuditEventType } from '../recording/audit-event-types.ts'
import type { Approval } from '../access/approval.ts'
import { grantState, mintGrant, standingRevoked, type Grant } from '../access/grant.ts'
import { takenBack, use } from '../access/review.ts'
import type { Login } from '../identity/login.ts'
import type { Person, Target } from '../policy/command.ts'
import type { AccessRule } from '../policy/policy.ts'
import { PamError } from '../shared/errors.ts'
import { findApprovals, saveApproval } from './approvals.ts'
import { appendAudit } from './audit.ts'
import type { Database, Tx } from './database.ts'
import { activeBreakGlass, activeGrant, findGrants, saveGrant, standingBlock } from './grants.ts'
import { findLogin } from './logins.ts'
import { refuseLocked } from './locks.ts'
import { saveRecording } from './recordings.ts'
import { insertSession, noteEnded, type SessionEnd, type SessionRow } from './sessions.ts'
import { requestCommand } from '../shared/request-command.ts'

/** What the data plane asks of the store; each change with its audit entry, in one transaction. */
export function gatewayState(
  db: Database,
  /** What of access that a rule approved ahead begins now, if there is any; throws where it lapsed. */
  begin: (personId: string, target: string) => Promise<Grant | undefined> = async () => undefined,
) {
  return {
    /** The grant in force; where the rule gives standing access and there is none, a new one. */
    grantFor: async (person: Person, target: Target, rule: AccessRule, now: number): Promise<Grant> =>
      (await activeGrant(db.read, person.id, target.name, now)) ??
      (await begin(person.id, target.name)) ??
      db.change((tx) => newStandingGrant(tx, person, target, rule, now)),

    breakGlassFor: (personId: string, target: string, now: number): Promise<Grant | undefined> =>
      activeBreakGlass(db.read, personId, target, now),

    isGrantActive: async (id: string, now: number): Promise<boolean> => {
      const grant = (await findGrants(db.read, id)).find((candidate) => candidate.id === id)
      return grant !== undefined && grantState(grant, now) === 'active'
    },

    refuseLocked: (personId: string, target: Target, now: number): Promise<void> =>
      refuseLocked(db.read, now, personId, target),

    sessionOpened: (session: OpenedSession) => db.change((tx) => noteOpened(tx, session)),

    sessionEnded: (id: string, ended: SessionEnd) => db.changeSoon((tx) => noteEnded(tx, id, ended, ended.at)),

    accessRefused: (person: Person, target: string, error: PamError, now: number) =>
      db.change((tx) =>
        appendAudit(tx, now, {
          type: 'access.refused',
          actor: person.id,
          // Whatever was asked for: the chain keeps no more of it than a name may have.
          subject: target.length > MAX_TARGET_LENGTH ? `${target.slice(0, MAX_TARGET_LENGTH)}…` : target,
          data: { code: error.code },
        }),
      ),

    credentialExtension: (
      sessionId: string,
      outcome: {
        readonly state: 'failed' | 'extended' | 'given up'
        readonly user: string
        readonly endsAt: number
        readonly attempts: number
      },
      now: number,
    ) => {
      const { state, user, endsAt, attempts } = outcome
      return db.change((tx) =>
        appendAudit(tx, now, {
          type: state === 'extended' ? 'credential.extended' : 'credential.extend_failed',
          actor: 'gateway',
          subject: sessionId,
          data: { state, user, endsAt, attempts },
        }),
      )
    },

    fileApproval: (approval: Approval, now: number) =>
      db.change(async (tx) => {
        await saveApproval(tx, approval)
        await auditApproval(tx, now, 'approval.filed', approval.requester.id, approval)
      }),

    closeApproval: (id: string, state: 'expired' | 'withdrawn' | 'void', now: number, by = 'the gateway') =>
      db.change(async (tx) => {
        const approval = (await findApprovals(tx, id)).find((candidate) => candidate.id === id)
        if (approval === undefined || (approval.state !== 'pending' && approval.state !== 'approved')) return
        await saveApproval(tx, state === 'withdrawn' ? takenBack(approval, { by, at: now }) : { ...approval, state })
        await auditApproval(tx, now, `approval.${state}`, 'gateway', approval)
      }),

    useApproval: (id: string, digest: string, now: number): Promise<Approval> =>
      db.change(async (tx) => {
        const approval = (await findApprovals(tx, id)).find((candidate) => candidate.id === id)
        if (approval === undefined || approval.digest !== digest) {
          throw new PamError('APPROVAL_VOID', 'what would run now is not what was approved', { id })
        }
        const used = use(approval)
        await saveApproval(tx, used)
        await auditApproval(tx, now, 'approval.used', 'gateway', approval)
        return used
      }),

    login: (id: string): Promise<Login | undefined> => findLogin(db.read, id),
  }
}

type OpenedSession = Omit<SessionRow, 'ended' | 'commands' | 'denied' | 'held'> & { readonly from: string }

/** Standing access, for as long as the rule says; what another connection has been given meanwhile serves as well. */
async function newStandingGrant(tx: Tx, person: Person, target: Target, rule: AccessRule, now: number): Promise<Grant> {
  const active = await activeGrant(tx, person.id, target.name, now)
  if (active !== undefined) return active
  if (rule.grant === 'request') throw noGrant(target, rule)
  const block = await standingBlock(tx, person.id, target.name)
  if (block !== undefined) throw standingRevoked(block)
  const grant = mintGrant({
    person,
    target: target.name,
    rule: rule.name,
    reason: 'standing access',
    requestId: undefined,
    now,
    length: rule.maxDuration,
  })
  await saveGrant(tx, grant)
  await appendAudit(tx, now, {
    type: 'grant.created',
    actor: person.id,
    subject: grant.id,
    data: { target: target.name, rule: rule.name, standing: true, endsAt: grant.endsAt },
  })
  return grant
}

/** The session, its recording that begins with it, and the entry. */
async function noteOpened(tx: Tx, { from, ...session }: OpenedSession): Promise<void> {
  await insertSession(tx, { ...session, ended: undefined, commands: 0, denied: 0, held: 0 })
  await saveRecording(tx, {
    sessionId: session.id,
    target: session.target,
    file: session.recording,
    openedAt: session.openedAt,
    state: 'open',
    sealed: undefined,
    tail: undefined,
    home: undefined,
    changedAt: session.openedAt,
    legalHold: undefined,
  })
  await appendAudit(tx, session.openedAt, {
    type: 'session.opened',
    actor: session.person.id,
    subject: session.id,
    data: {
      target: session.target,
      grant: session.grantId,
      login: session.loginId,
      recording: session.recording,
      from,
    },
  })
}

const auditApproval = (tx: Tx, now: number, type: AuditEventType, actor: string, approval: Approval): Promise<void> =>
  appendAudit(tx, now, {
    type,
    actor,
    subject: approval.id,
    data: {
      session: approval.sessionId,
      target: approval.target,
      rule: approval.rule,
      ...(approval.statement === undefined ? {} : { statement: approval.statement }),
      digest: approval.digest,
    },
  })

function noGrant(target: Target, rule: AccessRule): PamError {
  return new PamError('NO_GRANT', `you have no current grant for ${target.name}`, {
    hint: `request access: ${requestCommand(target.name, rule.maxDuration)}`,
  })
}

/** Characters. */
const MAX_TARGET_LENGTH = 100
