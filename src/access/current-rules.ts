import type { Person, Target } from '../policy/command.ts'
import { decideAccess } from '../policy/decide.ts'
import type { Policy } from '../policy/policy.ts'
import { formatDuration } from '../shared/duration.ts'
import { PamError } from '../shared/errors.ts'
import type { AccessRequest } from './request.ts'
import { satisfies } from './requested-targets.ts'

export interface CurrentRules {
  readonly policy: Policy
  readonly targets: readonly Target[]
  /** The requester, as each of their sign-ins has them. */
  readonly requester: readonly Person[]
}

/**
 * Whether what was requested could still be requested so: a request may wait while rules, labels and groups change, and an approval is for what the
 * rules in force give.
 * @param length Milliseconds that would be granted
 * @throws PamError APPROVAL_VOID, with the target and what has changed
 */
export function needCurrent(request: AccessRequest, length: number, current: CurrentRules): void {
  for (const asked of request.targets) {
    const problem = whatChanged(request, asked, length, current)
    if (problem === undefined) continue
    throw new PamError('APPROVAL_VOID', problem, {
      id: request.id,
      hint: `deny ${request.id}, and have it requested again`,
    })
  }
}

function whatChanged(
  request: AccessRequest,
  { name, rule: asked }: AccessRequest['targets'][number],
  length: number,
  { policy, targets, requester }: CurrentRules,
): string | undefined {
  const target = targets.find((one) => one.name === name)
  if (target === undefined) return `${name} has been removed since it was requested`
  const rules = requester.flatMap((person) => decideAccess(policy, person, target) ?? [])
  if (rules.length === 0) return `${request.requester.label} may not request ${name} now`
  const rule = rules.find((one) => one.name === asked)
  if (rule === undefined || !satisfies(request.approvers, rule))
    return `the rules for ${name} have changed since it was requested`
  if (length <= rule.maxDuration) return undefined
  return `access to ${name} is limited to ${formatDuration(rule.maxDuration)} now: approve it for no longer`
}
