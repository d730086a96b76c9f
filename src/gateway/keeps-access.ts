import type { Person, Target } from '../policy/command.ts'
import { decideAccess } from '../policy/decide.ts'
import type { Policy } from '../policy/policy.ts'

export interface Rules {
  readonly policy: Policy
  readonly targets: readonly Target[]
}

/** Whether the person of a session could still open it: a rule grants them its target with the same account. */
export function keepsAccess(
  { target: name, account }: { readonly target: string; readonly account: string },
  person: Person,
  { policy, targets }: Rules,
): boolean {
  const target = targets.find((candidate) => candidate.name === name)
  const rule = target && decideAccess(policy, person, target)
  return rule !== undefined && (rule.logins?.includes(account) ?? true)
}
