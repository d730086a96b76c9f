import type { Person, Target } from '../policy/command.ts'
import { decideCommand, placeOf, type Judgement } from '../policy/decide.ts'
import { isDecidedByText } from '../policy/decided-by-text.ts'
import type { Policy } from '../policy/policy.ts'
import { PamError } from '../shared/errors.ts'
import type { CommandDraft } from './engine.ts'

export type Denial = Judgement & { readonly type: 'deny' }

/** Evaluates the rules for one person's commands on one target. */
export class CommandJudge {
  readonly #person: Person
  readonly #target: Target
  /** Cached by facts: a text that comes again has the same object, and rules look at nothing else that could change. */
  #known = new WeakMap<object, Judgement>()
  #policy: Policy | undefined
  #byText: { readonly policy: Policy; readonly is: boolean } | undefined

  constructor(person: Person, target: Target) {
    this.#person = person
    this.#target = target
  }

  judge(draft: CommandDraft, policy: Policy): Judgement {
    const { missing } = draft
    if (missing !== undefined && this.#mayKnow(draft, missing.facts, policy))
      return {
        type: 'deny',
        rule: undefined,
        code: 'RELATION_MISSING',
        message: missing.error.message,
        hint: undefined,
      }
    if (draft.refusal !== undefined) {
      const { message, hint } = this.#wordsFor(draft.refusal, draft, policy)
      return { type: 'deny', rule: undefined, code: 'COMMAND_REFUSED', message, hint }
    }
    const judgement = this.#byRules(draft, policy)
    if (draft.tooLarge !== undefined && judgement.type === 'hold')
      return {
        type: 'deny',
        rule: judgement.rule,
        code: 'MESSAGE_TOO_LARGE',
        message: draft.tooLarge.message,
        hint: draft.tooLarge.hint,
      }
    if (draft.unread === undefined || judgement.type === 'allow') return judgement
    return { type: 'deny', rule: undefined, code: 'COMMAND_UNKNOWN', message: draft.unread.message, hint: undefined }
  }

  /** Whether these rules decide on each command by its text alone. */
  dependsOnTextOnly(policy: Policy): boolean {
    if (this.#byText?.policy !== policy)
      this.#byText = { policy, is: isDecidedByText(policy, this.#person, this.#target) }
    return this.#byText.is
  }

  /** Whether a command on something missing would be allowed or held if that existed. Where the rules allow it as it is, it is forwarded, and the target answers with its own error. */
  #mayKnow(draft: CommandDraft, facts: CommandDraft['facts'], policy: Policy): boolean {
    const asItIs = this.#byRules(draft, policy)
    if (asItIs.type === 'deny' && asItIs.code !== 'COMMAND_UNKNOWN') return false
    if (asItIs.type === 'allow') return draft.refusal !== undefined
    return this.#byRules({ ...draft, facts }, policy).type !== 'deny'
  }

  /** Names what does not exist only to those who could use it if it did. */
  #wordsFor(
    refusal: PamError,
    { refusedFor, ...draft }: CommandDraft,
    policy: Policy,
  ): Pick<PamError, 'message' | 'hint'> {
    if (refusedFor === undefined) return refusal
    const { error, at, facts } = refusedFor
    if (this.#byRules({ ...draft, facts }, policy).type === 'deny') return refusal
    return { message: placeOf(at, draft.facts, policy) + error.message, hint: error.hint }
  }

  #byRules(draft: CommandDraft, policy: Policy): Judgement {
    if (policy !== this.#policy) {
      this.#known = new WeakMap()
      this.#policy = policy
    }
    const { statements } = draft.facts
    const known = this.#known.get(statements)
    if (known !== undefined) return known
    const command = { protocol: this.#target.type, kind: 'statement' as const, ...draft }
    const judgement = decideCommand(policy, this.#person, this.#target, command)
    this.#known.set(statements, judgement)
    return judgement
  }
}

/** A rule may refuse to hold commands inside a transaction, whose locks would stay while an approver decides. */
export const withoutLocks = (draft: CommandDraft, judgement: Judgement): Judgement =>
  judgement.type === 'hold' && judgement.effect.inTransaction === 'refuse' && draft.inTransaction
    ? {
        type: 'deny',
        rule: judgement.rule,
        code: 'COMMAND_REFUSED',
        message: `${judgement.statement} needs approval and cannot be held inside a transaction`,
        hint: 'commit or roll back first, then run it alone',
      }
    : judgement

/** The error code for client and record: what the engine cannot read at all has its own, whatever the rules say. */
export const codeOf = (denial: Denial, draft: CommandDraft): PamError['code'] =>
  denial.code === 'RELATION_MISSING' || denial.code === 'MESSAGE_TOO_LARGE'
    ? denial.code
    : (draft.refusal?.code ?? draft.unread?.code ?? denial.code)

/** What the client is told. */
export const denialError = (denial: Denial, draft: CommandDraft, decision: string): PamError =>
  new PamError(codeOf(denial, draft), denial.message, {
    id: decision,
    hint: [denial.rule === undefined ? undefined : `rule "${denial.rule}"`, denial.hint, `decision ${decision}`]
      .filter((part) => part !== undefined)
      .join('; '),
  })
