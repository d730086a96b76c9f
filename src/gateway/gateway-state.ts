import type { Approval } from '../access/approval.ts'
import type { Grant } from '../access/grant.ts'
import type { Login } from '../identity/login.ts'
import type { Person, Target } from '../policy/command.ts'
import type { AccessRule } from '../policy/policy.ts'
import type { PamError } from '../shared/errors.ts'
import type { ExtensionOutcome } from './credential-end.ts'
import type { SessionEnd } from './session-registry.ts'

/** What the data plane needs of the store. */
export interface GatewayState {
  /** The person's current grant; standing access creates one. Throws an error that says what to do where there is none. */
  grantFor(person: Person, target: Target, rule: AccessRule, now: number): Promise<Grant>
  /** Access that the person has taken in an emergency, and that is current. */
  breakGlassFor(personId: string, target: string, now: number): Promise<Grant | undefined>
  /** Whether the grant is still current: it may have been revoked while the session was being opened. */
  isGrantActive(id: string, now: number): Promise<boolean>
  /** Throws LOCKED where a lock keeps this person away from this target. */
  refuseLocked(personId: string, target: Target, now: number): Promise<void>
  sessionOpened(session: OpenedSession): Promise<void>
  sessionEnded(id: string, ended: SessionEnd): Promise<void>
  /** A connection was refused. */
  accessRefused(person: Person, target: string, error: PamError, now: number): Promise<void>
  /** A credential did not follow its access at once, or does by now. */
  credentialExtension(sessionId: string, outcome: ExtensionOutcome, now: number): Promise<void>
  fileApproval(approval: Approval, now: number): Promise<void>
  /**
   * Closes an approval that is pending, or approved and unused. Nobody can decide on it afterwards. `by`: what withdrew it, for people to read;
   * default: the gateway.
   */
  closeApproval(id: string, state: 'expired' | 'withdrawn' | 'void', now: number, by?: string): Promise<void>
  /** Uses an approval, once. Throws APPROVAL_VOID unless it is approved, unused and bound to this digest. */
  useApproval(id: string, digest: string, now: number): Promise<Approval>
  login(id: string): Promise<Login | undefined>
}

export interface OpenedSession {
  readonly id: string
  readonly person: Person
  readonly target: string
  readonly protocol: string
  readonly grantId: string
  readonly loginId: string
  readonly openedAt: number
  readonly recording: string
  /** Address of the caller. */
  readonly from: string
}
