import type { Approval } from '../access/approval.ts'
import { describeState } from '../access/review.ts'
import type { Person, Target } from '../policy/command.ts'
import type { Judgement } from '../policy/decide.ts'
import { describeApprovers } from '../policy/joint-approvers.ts'
import type { Policy } from '../policy/policy.ts'
import type { Recorder } from '../recording/recorder.ts'
import type { Clock } from '../shared/clock.ts'
import { formatDuration } from '../shared/duration.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'
import type { CommandDigest } from './command-digest.ts'
import type { CommandJudge } from './command-judge.ts'
import { describeEffect } from './describe-effect.ts'
import type { CommandDraft, Hold, Verdict } from './engine.ts'
import type { GatewayState } from './gateway-state.ts'
import type { HeldSince } from './session-activity.ts'

export interface HeldCommandsParts {
  /** The session's id. */
  readonly id: string
  readonly person: Person
  readonly target: Target
  /** End of the grant. */
  readonly endsAt: () => number
  readonly recorder: Pick<Recorder, 'intent'>
  readonly clock: Clock
  readonly state: Pick<GatewayState, 'fileApproval' | 'closeApproval' | 'useApproval'>
  readonly judge: Pick<CommandJudge, 'judge'>
  readonly digest: Pick<CommandDigest, 'of'>
  /** The rules currently in force. */
  readonly policy: () => Policy
  readonly ended: AbortSignal
  /** Whether the session has ended by now. */
  readonly isOver: () => boolean
}

export type HoldJudgement = Judgement & { readonly type: 'hold' }

/** A held command, with the recorded decision and the rules that hold it. */
interface Waiting {
  readonly draft: CommandDraft
  readonly decision: string
  readonly policy: Policy
  readonly effect: HoldJudgement['effect']
  readonly approval: Approval
  readonly settle: (outcome: Outcome) => void
  readonly filed: (isFiled: boolean) => void
}

type Outcome =
  | { readonly type: 'approved' | 'denied'; readonly approval: Approval }
  | { readonly type: 'expired' | 'withdrawn' | 'ended' }

/** The held commands of a session, each from the request for approval to its one verdict. */
export class HeldCommands {
  readonly #parts: HeldCommandsParts
  readonly #waiting = new Map<string, Waiting>()
  /** Statements that were approved with any parameters. */
  readonly #covered = new Set<string>()
  /** By digest of what they cover. */
  readonly #batches = new Map<string, Batch>()

  constructor(parts: HeldCommandsParts) {
    this.#parts = parts
  }

  /** Whether an earlier approval covers this statement with any parameters, or the client command that it is part of. */
  isCovered(draft: CommandDraft, judgement: HoldJudgement, decision: string, policy: Policy): boolean {
    const { covers, per } = judgement.effect
    if (covers === 'statement' && this.#covered.has(this.#statementDigest(draft, policy))) return true
    if (per !== 'command' || draft.batch === undefined) return false
    const { recorder, clock } = this.#parts
    const approval = this.#batches.get(batchKey(draft.batch.item, judgement.rule, policy))?.take(clock.now())
    if (approval === undefined) return false
    this.#note({ approval, decision }, 'approved', approval)
    recorder.intent({ type: 'forwarded', command: decision })
    return true
  }

  hold(draft: CommandDraft, judgement: HoldJudgement, decision: string, policy: Policy): Hold {
    const { clock, ended } = this.#parts
    const { effect } = judgement
    const approval = this.#approvalFor(draft, judgement, policy)
    const { promise: outcome, resolve: settle } = resolvers<Outcome>()
    const { promise: filed, resolve: setFiled } = resolvers<boolean>()
    const waiting: Waiting = { draft, decision, policy, effect, approval, settle, filed: setFiled }
    this.#waiting.set(approval.id, waiting)
    const stopTimer = clock.at(approval.expiresAt, () => settle({ type: 'expired' }))
    const onEnded = (): void => settle({ type: 'ended' })
    ended.addEventListener('abort', onEnded, { once: true })
    const verdict = this.#verdictOn(waiting, outcome).finally(() => {
      stopTimer()
      setFiled(false)
      this.#waiting.delete(approval.id)
      ended.removeEventListener('abort', onEnded)
    })
    const wait = formatDuration(approval.expiresAt - approval.createdAt)
    const waitsFor = `${judgement.statement} needs approval by ${describeApprovers(effect.approvers)}; request ${approval.id} sent, waiting up to ${wait}`
    return {
      type: 'hold',
      id: decision,
      approval: approval.id,
      waitsFor,
      notice: `${waitsFor} (Ctrl-C cancels)`,
      filed,
      verdict,
      withdraw: () => settle({ type: 'withdrawn' }),
    }
  }

  /** What came of an approval in the store: somebody decided, or whoever sent the command took it back. */
  decided(approval: Approval): void {
    const { state } = approval
    const waiting = this.#waiting.get(approval.id)
    if (state === 'approved' || state === 'denied') waiting?.settle({ type: state, approval })
    if (state === 'withdrawn') waiting?.settle({ type: state })
  }

  /** The one that has waited longest. */
  get first(): HeldSince | undefined {
    for (const { approval, draft } of this.#waiting.values())
      return { approval: approval.id, since: approval.createdAt, text: draft.recorded.text }
    return undefined
  }

  find(approvalId: string): Pick<Waiting, 'draft' | 'decision'> | undefined {
    return this.#waiting.get(approvalId)
  }

  #approvalFor(draft: CommandDraft, judgement: HoldJudgement, policy: Policy): Approval {
    const { id, person, target, endsAt, clock, digest } = this.#parts
    const now = clock.now()
    return {
      id: newId('apr'),
      requester: { id: person.id, label: person.label, kind: person.kind },
      approvers: judgement.effect.approvers,
      state: 'pending',
      decisions: [],
      expiresAt: Math.min(now + judgement.effect.expires, endsAt()),
      sessionId: id,
      target: target.name,
      rule: judgement.rule,
      // The exact text stays in memory, for the approver: the store has only what may be kept for good.
      text: draft.recorded.text,
      parameters: draft.recorded.parameters,
      effect: [
        ...effectsOf(draft, judgement, policy),
        ...[
          ...draft.notes(),
          ...(judgement.effect.per === 'command' && draft.batch !== undefined ? draft.batch.shown : []),
        ].map((said) => draft.recorded.keep?.(said) ?? said),
        ...(judgement.effect.covers === 'statement' ? [COVERS_STATEMENT] : []),
      ].join('; '),
      statement: draft.recorded.keep?.(judgement.statement) ?? judgement.statement,
      digest: digest.of(draft, policy.version),
      createdAt: now,
    }
  }

  async #verdictOn(waiting: Waiting, outcome: Promise<Outcome>): Promise<Verdict> {
    const { approval, draft, decision, policy, effect } = waiting
    try {
      const estimated = await this.#estimateOf(draft, outcome)
      if (estimated !== SETTLED) {
        await this.#file(approval, estimated)
        waiting.filed(true)
      }
      const settled = await outcome
      const verdict = await this.#settled(waiting, settled)
      if (verdict.type === 'forward' && effect.covers === 'statement')
        this.#covered.add(this.#statementDigest(draft, policy))
      if (verdict.type === 'forward' && effect.per === 'command' && settled.type === 'approved')
        this.#cover(waiting, settled.approval)
      return verdict
    } catch (error) {
      return { type: 'refuse', id: decision, error: asPamError(error) }
    }
  }

  #file(approval: Approval, estimated: string | undefined): Promise<void> {
    const effect = estimated === undefined ? approval.effect : `${approval.effect}; ${estimated}`
    return this.#parts.state.fileApproval({ ...approval, effect }, approval.createdAt)
  }

  /**
   * Estimates how much the command touches. A target that does not answer does not delay the approval; where the command is withdrawn
   * meanwhile, nobody is asked.
   */
  async #estimateOf(draft: CommandDraft, outcome: Promise<Outcome>): Promise<string | undefined | typeof SETTLED> {
    const { clock } = this.#parts
    let stopTimer = (): void => {}
    const late = new Promise<undefined>((resolve) => {
      stopTimer = clock.at(clock.now() + ESTIMATE_TIMEOUT_MS, () => resolve(undefined))
    })
    try {
      return await Promise.race([draft.estimate(), late, outcome.then((): typeof SETTLED => SETTLED)])
    } finally {
      stopTimer()
    }
  }

  /** Settles a hold exactly once: the first outcome is final in the store, and only a used approval forwards. */
  async #settled(waiting: Waiting, outcome: Outcome): Promise<Verdict> {
    const { state, clock, ended } = this.#parts
    const { approval, decision } = waiting
    switch (outcome.type) {
      case 'denied':
        this.#note(waiting, 'denied', outcome.approval)
        return refused(waiting, 'HOLD_DENIED', describeState(outcome.approval))
      case 'expired':
        await state.closeApproval(approval.id, 'expired', clock.now())
        this.#note(waiting, 'expired')
        return refused(waiting, 'HOLD_EXPIRED', 'approval expired before anyone decided')
      case 'withdrawn':
        // What its requester withdrew through the API is closed already.
        await state.closeApproval(approval.id, 'withdrawn', clock.now(), 'its client')
        this.#note(waiting, 'withdrawn')
        return refused(waiting, 'HOLD_WITHDRAWN', 'withdrawn while waiting for approval')
      case 'ended':
        await state.closeApproval(approval.id, 'withdrawn', clock.now())
        return { type: 'refuse', id: decision, error: ended.reason as PamError }
      case 'approved':
        return this.#approved(waiting, outcome.approval)
    }
  }

  /** An approval covers exactly what was shown: the command is analysed again and evaluated by the current rules. */
  async #approved(waiting: Waiting, by: Approval): Promise<Verdict> {
    const { state, clock, ended, isOver, judge, digest, recorder } = this.#parts
    const { approval, draft, decision } = waiting
    const again = await draft.again()
    const policy = this.#parts.policy()
    const judgement = judge.judge(again, policy)
    if (judgement.type === 'deny')
      return this.#void(waiting, by, `it was approved, but current policy denies it: ${judgement.message}`)
    try {
      await state.useApproval(approval.id, digest.of(again, policy.version), clock.now())
    } catch (error) {
      return this.#void(waiting, by, asPamError(error).message)
    }
    this.#note(waiting, 'approved', by)
    // The session may have ended during the call to the store: its reason takes precedence.
    if (isOver()) return { type: 'refuse', id: decision, error: ended.reason as PamError }
    recorder.intent({ type: 'forwarded', command: decision })
    return { type: 'forward', id: decision }
  }

  async #void(waiting: Waiting, by: Approval, message: string): Promise<Verdict> {
    const { state, clock } = this.#parts
    await state.closeApproval(waiting.approval.id, 'void', clock.now())
    this.#note(waiting, 'void', by)
    return refused(waiting, 'APPROVAL_VOID', message)
  }

  /** The outcome for the record, with the last person who decided. */
  #note({ approval, decision }: Pick<Waiting, 'approval' | 'decision'>, state: string, by?: Approval): void {
    const last = by?.decisions.at(-1)
    this.#parts.recorder.intent({
      type: 'approval',
      id: approval.id,
      command: decision,
      state,
      ...(last === undefined ? {} : { by: last.label }),
      ...(last === undefined || last.comment === '' ? {} : { comment: last.comment }),
    })
  }

  /** The requests that were shown with an approved command and follow soon. */
  #cover({ draft, policy }: Waiting, approval: Approval): void {
    if (draft.batch === undefined) return
    const now = this.#parts.clock.now()
    for (const [key, { isExpired }] of this.#batches) if (isExpired(now)) this.#batches.delete(key)
    const batch = new Batch(approval, draft.batch.limit, now)
    for (const item of draft.batch.covers) this.#batches.set(batchKey(item, approval.rule, policy), batch)
  }

  #statementDigest(draft: CommandDraft, policy: Policy): string {
    return this.#parts.digest.of({ ...draft, parameters: [], inTransaction: false }, policy.version)
  }
}

/** What an approval covers besides the command that it was requested for: a number of requests, in quick succession. */
class Batch {
  readonly #approval: Approval
  readonly #endsAt: number
  #left: number
  #lastAt: number

  constructor(approval: Approval, limit: number, now: number) {
    this.#approval = approval
    this.#endsAt = now + BATCH_MS
    this.#left = limit
    this.#lastAt = now
  }

  readonly isExpired = (now: number): boolean =>
    this.#left === 0 || now >= this.#endsAt || now >= this.#lastAt + BATCH_PAUSE_MS

  /** Takes the approval for one more request; undefined where it covers none. */
  take(now: number): Approval | undefined {
    if (this.isExpired(now)) return undefined
    this.#left--
    this.#lastAt = now
    return this.#approval
  }
}

/**
 * What each part does, in order; numbered where a text of several is approved as one, so that none is overlooked. Only what stands between them has
 * semicolons: no name or reason in one of them looks like the number of another.
 */
function effectsOf(
  { facts: { statements }, recorded }: CommandDraft,
  { effect }: HoldJudgement,
  { language }: Policy,
): string[] {
  const effects = statements.map((statement) => {
    const said = describeEffect(statement, language)
    return recorded.keep?.(said) ?? said
  })
  return effect.batch && effects.length > 1
    ? effects.map((one, at) => `${at + 1} of ${effects.length}: ${one.replaceAll(';', ',')}`)
    : effects
}

/** Under other rules, or another version of them, approvers are asked again. */
const batchKey = (item: string, rule: string, policy: Policy): string => JSON.stringify([rule, policy.version, item])

const refused = ({ approval, decision }: Waiting, code: PamError['code'], message: string): Verdict => ({
  type: 'refuse',
  id: decision,
  error: new PamError(code, message, {
    id: approval.id,
    hint: `rule "${approval.rule}"; approval ${approval.id}; decision ${decision}`,
  }),
})

/** What else is approved, which whoever decides has to know. */
const COVERS_STATEMENT = 'once approved, it may run again in this session with any parameters'
/** It was settled before it was filed. */
const SETTLED: unique symbol = Symbol('settled')

/** Milliseconds for all requests of one approved command, and between two of them. */
const BATCH_MS = 5 * 60_000
const BATCH_PAUSE_MS = 60_000
/** Milliseconds for the target to estimate what a held command touches. */
const ESTIMATE_TIMEOUT_MS = 5000

/** What Promise.withResolvers does from Node 22 on. */
function resolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((done) => (resolve = done))
  return { promise, resolve }
}
