import { createHmac } from 'node:crypto'
import type { Approval } from '../access/approval.ts'
import type { Grant } from '../access/grant.ts'
import type { CredentialLease } from '../credentials/credential.ts'
import type { Login } from '../identity/login.ts'
import { planMasking, type MaskingPlan } from '../masking/plan.ts'
import type { Target } from '../policy/command.ts'
import { appliesMasking, isReadOnly, type Judgement } from '../policy/decide.ts'
import type { Policy } from '../policy/policy.ts'
import type { Recorder } from '../recording/recorder.ts'
import type { Clock } from '../shared/clock.ts'
import { commitmentsUnder } from '../shared/commitment-key.ts'
import type { PamError } from '../shared/errors.ts'
import { HmacKey } from '../shared/hmac.ts'
import type { Logger } from '../shared/logger.ts'
import { AllowedCommand } from './allowed-command.ts'
import { CommandDigest } from './command-digest.ts'
import { CommandJudge, denialError, withoutLocks } from './command-judge.ts'
import { CommandLog } from './command-log.ts'
import type { ComparisonBudget } from './comparison-budget.ts'
import type { CommandDraft, Decision, Session } from './engine.ts'
import type { GatewayState } from './gateway-state.ts'
import { HeldCommands } from './held-commands.ts'
import type { HeldSince } from './session-activity.ts'
import type { CommandTally, HeldCommand, RecentCommand } from './session-registry.ts'
import { grantOver } from './session-term.ts'
import type { TargetConfig } from './target.ts'

export interface SessionParts {
  readonly id: string
  readonly login: Login
  readonly target: Target
  readonly config: TargetConfig
  readonly configNow: () => TargetConfig
  /** The schema of masked tables that are named without one; undefined where there are no columns. */
  readonly defaultSchema: string | undefined
  /** As it is now: it may be extended. */
  readonly grant: () => Grant
  readonly lease: CredentialLease
  readonly recorder: Recorder
  readonly limits: Session['limits']
  readonly logger: Logger
  readonly clock: Clock
  readonly state: GatewayState
  /** The rules currently in force: a reload changes them during a session. */
  readonly policy: () => Policy
  readonly digestKey: Uint8Array
  readonly comparisonBudget: ComparisonBudget
  readonly ended: AbortController
}

/** A session that receives decisions on held commands, and counts its commands. */
export interface RunningSession extends Session {
  decided(approval: Approval): void
  /** The exact text that a held command would run. */
  held(approvalId: string): HeldCommand | undefined
  /** Commands so far. */
  tally(): CommandTally
  /** The last command, as recorded. */
  lastCommand(): RecentCommand | undefined
  /** The command that has been held longest, while one is held. */
  firstHeld(): HeldSince | undefined
  /** The last commands before a held one, as recorded, newest last: context for the approver. */
  recent(approvalId: string): readonly RecentCommand[]
  /**
   * Whether the rules in force still say what is fixed for as long as it lasts: what is masked, whether it is read-only, and the labels by
   * which rules are about its target.
   */
  isAsBegun(): boolean
}

/** A session of one person under one grant: decides on its commands, holds them, and records them. */
export function createSession(parts: SessionParts): RunningSession {
  const { id, login, target, grant, recorder, clock, state, policy, lease } = parts
  const { person } = login
  const { signal } = parts.ended
  const digestKey = new HmacKey(parts.digestKey)
  const digest = new CommandDigest(digestKey, {
    session: id,
    person: person.id,
    target: target.name,
    account: lease.user,
  })
  const judge = new CommandJudge(person, target)
  const log = new CommandLog(recorder, clock)
  /** A timer is late after a machine has slept, or where its clock was set forward: no command passes after the end of the grant. */
  const isOver = (): boolean => {
    if (!signal.aborted && clock.now() >= grant().endsAt) parts.ended.abort(grantOver(target.name))
    return signal.aborted
  }
  const held = new HeldCommands({
    id,
    person,
    target,
    endsAt: () => grant().endsAt,
    recorder,
    clock,
    state,
    judge,
    digest,
    policy,
    ended: signal,
    isOver,
  })

  const record = (draft: CommandDraft, judgement: Judgement, rules: Policy): string =>
    log.record(draft, judgement, { digest: digest.of(draft, rules.version), language: rules.language })

  const masks = (rules: Policy): MaskingPlan =>
    planMasking(rules.masking, appliesMasking, person, target, parts.defaultSchema)
  const masking = masks(policy())
  const readOnly = isReadOnly(policy(), person, target)

  const sessionKey = (use: string): Buffer =>
    createHmac('sha256', parts.digestKey).update(`${use} session ${id}`).digest()
  const commitmentKey = sessionKey('commit')

  return {
    id,
    person,
    target,
    config: parts.config,
    configNow: parts.configNow,
    endsAt: () => grant().endsAt,
    lease,
    masking,
    readOnly,
    isAsBegun() {
      const rules = policy()
      return (
        isReadOnly(rules, person, target) === readOnly &&
        JSON.stringify(masks(rules)) === JSON.stringify(masking) &&
        labelsOf(parts.configNow()) === labelsOf(parts.config)
      )
    },
    recorder,
    limits: parts.limits,
    logger: parts.logger,
    ended: signal,
    hashKeys: {
      session: sessionKey('mask'),
      target: createHmac('sha256', parts.digestKey).update(`mask target ${target.name}`).digest(),
    },
    tally: () => ({ ...log.tally }),
    lastCommand: () => log.last,
    firstHeld: () => held.first,
    end: (reason) => parts.ended.abort(reason),
    decided: (approval) => held.decided(approval),
    held: (approvalId) => held.find(approvalId)?.draft,
    recent: (approvalId) => log.before(held.find(approvalId)?.decision),
    commitmentKey,
    commitment: commitmentsUnder(commitmentKey),
    decidesByText: () => judge.dependsOnTextOnly(policy()),
    preview(draft) {
      if (isOver()) return signal.reason as PamError
      const rules = policy()
      const judgement = judge.judge(draft, rules)
      return judgement.type === 'deny' ? denialError(judgement, draft, record(draft, judgement, rules)) : undefined
    },
    denies: (draft) => judge.judge(draft, policy()).type === 'deny',
    repeated(draft) {
      if (isOver()) return undefined
      const rules = policy()
      const judgement = judge.judge(draft, rules)
      // Comparisons are counted, and detached texts written, for each command anew.
      if (judgement.type !== 'allow' || draft.comparisons.length > 0 || draft.recorded.detached !== undefined)
        return undefined
      return new AllowedCommand({ draft, judgement, rules, policy, isOver, digest, log })
    },
    decide(draft): Decision {
      if (isOver()) return { type: 'refuse', id: '', error: signal.reason as PamError }
      const rules = policy()
      const judgement = counted(draft, withoutLocks(draft, judge.judge(draft, rules)), parts)
      const decision = record(draft, judgement, rules)
      switch (judgement.type) {
        case 'allow':
          return { type: 'forward', id: decision }
        case 'deny':
          return { type: 'refuse', id: decision, error: denialError(judgement, draft, decision) }
        case 'hold':
          if (held.isCovered(draft, judgement, decision, rules)) return { type: 'forward', id: decision }
          return held.hold(draft, judgement, decision, rules)
      }
    },
  }
}

/** As one text, whatever their order. */
const labelsOf = ({ labels }: Pick<Target, 'labels'>): string =>
  JSON.stringify(Object.entries(labels).toSorted(([one], [other]) => (one < other ? -1 : 1)))

/** Comparisons with masked columns count against the budget, unless the command is refused anyway. */
function counted(
  draft: CommandDraft,
  judgement: Judgement,
  { comparisonBudget, grant }: Pick<SessionParts, 'comparisonBudget' | 'grant'>,
): Judgement {
  const passed = judgement.type === 'deny' ? undefined : comparisonBudget.take(grant().id, draft.comparisons)
  if (passed === undefined) return judgement
  return {
    type: 'deny',
    rule: undefined,
    code: 'COMMAND_REFUSED',
    message: `${passed.column} is masked, and this grant's limit of ${passed.budget} comparisons with it is used up`,
    hint: 'filter by a column that is not masked',
  }
}
