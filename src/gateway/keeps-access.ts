import type { Person, Target } from '../policy/command.ts'
import { decideAccess, decideBreakGlass } from '../policy/decide.ts'
import type { AccessRule, Policy } from '../policy/policy.ts'
import { PamError } from '../shared/errors.ts'

export interface Rules {
  readonly policy: Policy
  readonly targets: readonly Target[]
}

/** What a session stands on. */
export interface SessionAccess {
  readonly target: string
  /** On the target. */
  readonly account: string
  /** The break-glass rule that it was opened under. */
  readonly breakGlass?: string | undefined
}

/** Whether the person of a session could still open it: a rule of the same kind grants them its target with the same account. */
export function keepsAccess(access: SessionAccess, person: Person, rules: Rules): boolean {
  const rule = accessRuleNow(access, person, rules)
  return rule !== undefined && (rule.logins?.includes(access.account) ?? true)
}

/** The rule that a session stands on now. What was opened in an emergency stands on its own rule alone. */
export function accessRuleNow(
  { target: name, breakGlass }: Omit<SessionAccess, 'account'>,
  person: Person,
  { policy, targets }: Rules,
): AccessRule | undefined {
  const target = targets.find((candidate) => candidate.name === name)
  if (target === undefined) return undefined
  return breakGlass === undefined
    ? decideAccess(policy, person, target)
    : decideBreakGlass(policy, person, target, breakGlass)
}

/** Why a session ends for which the rules in force say otherwise what is fixed for as long as it lasts. */
export const otherRules = (): PamError =>
  new PamError('NO_ACCESS', 'the rules changed: masks, the labels of the target, or whether it is read-only', {
    hint: 'connect again',
  })
