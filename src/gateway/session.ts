import { createHmac } from 'node:crypto'
import type { Approval } from '../access/approval.ts'
import type { Grant } from '../access/grant.ts'
import type { CredentialLease } from '../credentials/credential.ts'
import { describeState } from '../access/review.ts'
import type { Login } from '../identity/login.ts'
import { planMasking } from '../masking/plan.ts'
import type { Target } from '../policy/command.ts'
import { appliesMasking, decideCommand, isReadOnly, type Judgement } from '../policy/decide.ts'
import { describeApprovers } from '../policy/explain.ts'
import type { Policy } from '../policy/policy.ts'
import type { Recorder } from '../recording/recorder.ts'
import type { Clock } from '../shared/clock.ts'
import { formatDuration } from '../shared/duration.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import { HmacKey } from '../shared/hmac.ts'
import { newId } from '../shared/id.ts'
import type { Logger } from '../shared/logger.ts'
import { CommandDigest } from './command-digest.ts'
import { summaryOf } from './command-summary.ts'
import { describeEffect } from './describe-effect.ts'
import type { CommandDraft, Decision, Hold, Session, Verdict } from './engine.ts'
import type { GatewayState } from './gateway-state.ts'
import type { GuessBook } from './comparison-budget.ts'
import type { RecentCommand } from './session-registry.ts'
import type { TargetConfig } from './target.ts'

export interface SessionParts {
  readonly id: string
  readonly login: Login
  readonly target: Target
  readonly config: TargetConfig
  /** The schema of masked tables that are named without one; undefined where there are no columns. */
  readonly defaultSchema: string | undefined
  readonly grant: Grant
  readonly lease: CredentialLease
  readonly recorder: Recorder
  readonly limits: Session['limits']
  readonly logger: Logger
  readonly clock: Clock
  readonly state: GatewayState
  /** The rules in force now: a reload changes them under a live session. */
  readonly policy: () => Policy
  readonly digestKey: Uint8Array
  readonly guessBook: GuessBook
  readonly ended: AbortController
}

/** A session that can be told of decisions, and counts its commands. */
export interface RunningSession extends Session {
  decided(approval: Approval): void
  /** Exactly what a held command would run. */
  held(approvalId: string): { readonly text: string; readonly parameters: readonly (string | null)[] } | undefined
  readonly commands: number
  /** The last commands before a held one, as they are on record, newest last: what an approver sees of what came before. */
  recent(approvalId: string): readonly RecentCommand[]
}

export function createSession(parts: SessionParts): RunningSession {
  const { id, login, target, grant, recorder, clock, state } = parts
  const { person } = login
  const digestKey = new HmacKey(parts.digestKey)
  const holds = new Map<string, { draft: CommandDraft; decision: string; decided: (approval: Approval) => void }>()
  let commands = 0
  const recent: RecentCommand[] = []
  /** Rules look at what a command does, which is the same object each time its text comes again, and at nothing that changes. */
  let judgements = new WeakMap<object, Judgement>()
  let judgedBy: Policy | undefined

  const judge = (draft: CommandDraft, policy: Policy): Judgement => {
    if (draft.refusal !== undefined) {
      const { message, hint } = draft.refusal
      return { type: 'deny', rule: undefined, code: 'COMMAND_REFUSED', message, hint }
    }
    if (policy !== judgedBy) {
      judgements = new WeakMap()
      judgedBy = policy
    }
    const { statements } = draft.facts
    const known = judgements.get(statements)
    const judgement =
      known ?? decideCommand(policy, person, target, { protocol: target.type, kind: 'statement', ...draft })
    judgements.set(statements, judgement)
    if (draft.unread === undefined || judgement.type === 'allow') return judgement
    return { type: 'deny', rule: undefined, code: 'COMMAND_UNKNOWN', message: draft.unread.message, hint: undefined }
  }
  const denied = (judgement: Judgement & { type: 'deny' }, draft: CommandDraft, decision: string): PamError =>
    new PamError(draft.refusal?.code ?? draft.unread?.code ?? judgement.code, judgement.message, {
      id: decision,
      hint: [
        judgement.rule === undefined ? undefined : `rule "${judgement.rule}"`,
        judgement.hint,
        `decision ${decision}`,
      ]
        .filter((part) => part !== undefined)
        .join('; '),
    })
  /** Comparing a masked column with a value is a guess; what is refused anyway is none. */
  const count = (draft: CommandDraft, judgement: Judgement): Judgement => {
    const passed = judgement.type === 'deny' ? undefined : parts.guessBook.take(grant.id, draft.guesses)
    if (passed === undefined) return judgement
    return {
      type: 'deny',
      rule: undefined,
      code: 'COMMAND_REFUSED',
      message: `${passed.column} is masked, and this grant's limit of ${passed.budget} comparisons with it is used up`,
      hint: 'filter by a column that is not masked',
    }
  }
  const digest = new CommandDigest(digestKey, {
    session: id,
    person: person.id,
    target: target.name,
    account: parts.lease.user,
  })
  const digestOf = (draft: CommandDraft, policy: Policy): string => digest.of(draft, policy.version)

  /** Statements that were approved with whatever parameters come. */
  const covered = new Set<string>()
  const statementDigest = (draft: CommandDraft, policy: Policy): string =>
    digestOf({ ...draft, parameters: [], inTransaction: false }, policy)
  /** A rule may not want locks to be held while somebody thinks. */
  const holdable = (draft: CommandDraft, judgement: Judgement): Judgement =>
    judgement.type === 'hold' && judgement.effect.inTransaction === 'refuse' && draft.inTransaction
      ? {
          type: 'deny',
          rule: judgement.rule,
          code: 'COMMAND_REFUSED',
          message: `${judgement.statement} needs approval and cannot be held inside a transaction`,
          hint: 'commit or roll back first, then run it alone',
        }
      : judgement

  const session: RunningSession = {
    id,
    person,
    target,
    config: parts.config,
    grant,
    lease: parts.lease,
    masking: planMasking(parts.policy().masking, appliesMasking, person, target, parts.defaultSchema),
    readOnly: isReadOnly(parts.policy(), person, target),
    recorder,
    limits: parts.limits,
    logger: parts.logger,
    ended: parts.ended.signal,
    end: (reason) => parts.ended.abort(reason),
    get commands() {
      return commands
    },
    decided: (approval) => holds.get(approval.id)?.decided(approval),
    held: (approvalId) => holds.get(approvalId)?.draft,
    recent(approvalId) {
      const at = recent.findIndex(({ id: of }) => of === holds.get(approvalId)?.decision)
      return at < 0 ? recent : recent.slice(0, at)
    },
    hashKeys: {
      session: createHmac('sha256', parts.digestKey).update(`mask session ${id}`).digest(),
      target: createHmac('sha256', parts.digestKey).update(`mask target ${target.name}`).digest(),
    },
    commitment: (text) => digestKey.hex(`${id}${text}`).slice(0, 12),
    preview(draft) {
      const judgement = judge(draft, parts.policy())
      if (judgement.type !== 'deny') return undefined
      const decision = record(draft, judgement, parts.policy())
      return denied(judgement, draft, decision)
    },
    decide(draft): Decision {
      if (parts.ended.signal.aborted) return { type: 'refuse', id: '', error: parts.ended.signal.reason as PamError }
      const policy = parts.policy()
      const judgement = count(draft, holdable(draft, judge(draft, policy)))
      const decision = record(draft, judgement, policy)
      switch (judgement.type) {
        case 'allow':
          return { type: 'forward', id: decision }
        case 'deny':
          return { type: 'refuse', id: decision, error: denied(judgement, draft, decision) }
        case 'hold':
          if (judgement.effect.covers === 'statement' && covered.has(statementDigest(draft, policy)))
            return { type: 'forward', id: decision }
          return hold(draft, judgement, decision, policy)
      }
    },
  }
  return session

  /** The intent: in the record before anything of the command goes upstream. */
  function record(draft: CommandDraft, judgement: Judgement, policy: Policy): string {
    const decision = newId('dec')
    commands++
    recent.push({
      id: decision,
      at: clock.now(),
      text: draft.recorded.text.slice(0, LONGEST_RECENT),
      verdict: judgement.type,
    })
    if (recent.length > MOST_RECENT) recent.shift()
    const { kinds, reads, writes, unknown } = summaryOf(draft.facts.statements, policy.language)
    const { recorded } = draft
    const denial = judgement.type === 'deny' ? judgement : undefined
    recorder.intent({
      type: 'command',
      id: decision,
      verdict: judgement.type,
      rule: judgement.rule,
      code: denial && (draft.refusal?.code ?? draft.unread?.code ?? denial.code),
      message: denial?.message,
      text: recorded.text,
      apart: recorded.detached === undefined ? undefined : recorder.detach(recorded.detached),
      parameters: recorded.parameters.length === 0 ? undefined : recorded.parameters,
      digest: digestOf(draft, policy),
      kinds,
      reads,
      writes,
      unknown: unknown.length === 0 ? undefined : unknown,
    })
    return decision
  }

  function hold(draft: CommandDraft, judgement: Judgement & { type: 'hold' }, decision: string, policy: Policy): Hold {
    const { approvers, expires, covers } = judgement.effect
    const now = clock.now()
    const approval: Approval = {
      id: newId('apr'),
      requester: { id: person.id, label: person.label, kind: person.kind },
      approvers,
      state: 'pending',
      decisions: [],
      expiresAt: Math.min(now + expires, grant.endsAt),
      sessionId: id,
      target: target.name,
      rule: judgement.rule,
      // Exactly what would run stays in memory, for the approver; what is stored may be kept for ever.
      text: draft.recorded.text,
      parameters: draft.recorded.parameters,
      effect: [
        ...draft.facts.statements.map((statement) => describeEffect(statement, policy.language)),
        ...draft.notes(),
      ].join('; '),
      digest: digestOf(draft, policy),
      createdAt: now,
    }
    const waiting = resolvers<Outcome>()
    const decided = (by: Approval): void => {
      if (by.state === 'approved' || by.state === 'denied') waiting.resolve({ type: by.state, approval: by })
    }
    holds.set(approval.id, { draft, decision, decided })
    const stopTimer = clock.at(approval.expiresAt, () => waiting.resolve({ type: 'expired' }))
    const onEnded = (): void => waiting.resolve({ type: 'ended' })
    parts.ended.signal.addEventListener('abort', onEnded, { once: true })
    // A target that does not answer holds up nobody who would decide, and a session that is over asks nobody any more.
    let stopWaiting = (): void => {}
    const late = new Promise<undefined>((resolve) => {
      stopWaiting = clock.at(now + LONGEST_ESTIMATE, () => resolve(undefined))
    })
    let onOver = (): void => {}
    const over = new Promise<never>((_, reject) => {
      onOver = () => reject(parts.ended.signal.reason as PamError)
      parts.ended.signal.addEventListener('abort', onOver, { once: true })
    })
    const verdict = Promise.race([draft.estimate(), late, over])
      .finally(() => {
        stopWaiting()
        parts.ended.signal.removeEventListener('abort', onOver)
      })
      .then((estimated) =>
        state.fileApproval(
          estimated === undefined ? approval : { ...approval, effect: `${approval.effect}; ${estimated}` },
          now,
        ),
      )
      .then(() => waiting.promise)
      .then((outcome) => settle(outcome, approval, draft, decision))
      .then((settled) => {
        if (settled.type === 'forward' && covers === 'statement') covered.add(statementDigest(draft, policy))
        return settled
      })
      .catch((error: unknown): Verdict => ({ type: 'refuse', id: decision, error: asPamError(error) }))
      .finally(() => {
        stopTimer()
        holds.delete(approval.id)
        parts.ended.signal.removeEventListener('abort', onEnded)
      })
    const wait = formatDuration(approval.expiresAt - now)
    return {
      type: 'hold',
      id: decision,
      notice: `${judgement.statement} needs approval by ${describeApprovers(approvers)}; request ${approval.id} sent, waiting up to ${wait} (Ctrl-C cancels)`,
      verdict,
      withdraw: () => waiting.resolve({ type: 'withdrawn' }),
    }
  }

  /** Exactly one outcome: whatever came first is made final in the store, and only a used approval forwards. */
  async function settle(outcome: Outcome, approval: Approval, draft: CommandDraft, decision: string): Promise<Verdict> {
    const note = (result: string, by?: Approval): void => {
      const last = by?.decisions.at(-1)
      recorder.intent({
        type: 'approval',
        id: approval.id,
        command: decision,
        state: result,
        ...(last === undefined ? {} : { by: last.label }),
        ...(last === undefined || last.comment === '' ? {} : { comment: last.comment }),
      })
    }
    const refuse = (code: PamError['code'], message: string): Verdict => ({
      type: 'refuse',
      id: decision,
      error: new PamError(code, message, {
        id: approval.id,
        hint: `rule "${approval.rule}"; approval ${approval.id}; decision ${decision}`,
      }),
    })
    switch (outcome.type) {
      case 'denied':
        note('denied', outcome.approval)
        return refuse('HOLD_DENIED', describeState(outcome.approval))
      case 'expired':
      case 'withdrawn':
        await state.closeApproval(approval.id, outcome.type, clock.now())
        note(outcome.type)
        return outcome.type === 'expired'
          ? refuse('HOLD_EXPIRED', `approval ${approval.id} expired before anyone decided`)
          : refuse('HOLD_WITHDRAWN', 'withdrawn while waiting for approval')
      case 'ended':
        await state.closeApproval(approval.id, 'withdrawn', clock.now())
        return { type: 'refuse', id: decision, error: parts.ended.signal.reason as PamError }
      case 'approved': {
        const policy = parts.policy()
        const again = await draft.again()
        const judgement = judge(again, policy)
        if (judgement.type === 'deny') {
          await state.closeApproval(approval.id, 'void', clock.now())
          note('void', outcome.approval)
          return refuse('APPROVAL_VOID', `it was approved, but current policy denies it: ${judgement.message}`)
        }
        try {
          await state.useApproval(approval.id, digestOf(again, policy), clock.now())
        } catch (error) {
          await state.closeApproval(approval.id, 'void', clock.now())
          note('void', outcome.approval)
          return refuse('APPROVAL_VOID', asPamError(error).message)
        }
        note('approved', outcome.approval)
        // The session may have ended while the store was asked: what it ended for comes first.
        if (parts.ended.signal.aborted)
          return { type: 'refuse', id: decision, error: parts.ended.signal.reason as PamError }
        recorder.intent({ type: 'forwarded', command: decision })
        return { type: 'forward', id: decision }
      }
    }
  }
}

/** Milliseconds that the target has to say how much a held command touches. */
const LONGEST_ESTIMATE = 5000
/** Commands that an approver is shown of what came before, and characters of each. */
const MOST_RECENT = 11
const LONGEST_RECENT = 500

type Outcome =
  | { readonly type: 'approved' | 'denied'; readonly approval: Approval }
  | { readonly type: 'expired' | 'withdrawn' | 'ended' }

/** What Promise.withResolvers does from Node 22 on. */
function resolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((done) => (resolve = done))
  return { promise, resolve }
}
