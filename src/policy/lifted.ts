import type { AccessRule, Policy } from './policy.ts'

/**
 * The policy as a session under this break-glass rule has it: without the holds and masks that the rule lifts by name. Rules that deny are as they
 * were. The same object for the same policy and rule, so that what is known of a policy is known of this one, too.
 */
export function liftedPolicy(policy: Policy, rule: AccessRule | undefined): Policy {
  const lifts = rule?.breakGlass?.lifts
  if (rule === undefined || lifts === undefined || lifts.holds.length + lifts.masks.length === 0) return policy
  const known = lifted.get(policy) ?? new Map<string, Policy>()
  lifted.set(policy, known)
  const made = known.get(rule.name) ?? {
    ...policy,
    commands: policy.commands.map((command) =>
      command.effect.type === 'hold' && lifts.holds.includes(command.name)
        ? { ...command, liftedBy: rule.name }
        : command,
    ),
    masking: policy.masking.filter(({ name }) => !lifts.masks.includes(name)),
  }
  known.set(rule.name, made)
  return made
}

const lifted = new WeakMap<Policy, Map<string, Policy>>()
