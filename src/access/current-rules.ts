import type { Person, Target } from '../policy/command.ts'
import { decideAccess } from '../policy/decide.ts'
import type { AccessRule, Policy } from '../policy/policy.ts'
import { formatDuration } from '../shared/duration.ts'
import { PamError } from '../shared/errors.ts'
import { writtenLength } from '../shared/visible.ts'
import type { AccessRequest } from './request.ts'
import { satisfies } from './requested-targets.ts'

export interface CurrentRules {
  readonly policy: Policy
  readonly targets: readonly Target[]
  /** The requester, as each of their sign-ins has them. */
  readonly requester: readonly Person[]
}

/**
 * The request as the rules in force give it, where it could still be made so: a request may wait while rules, labels and groups change. An extension
 * leaves no more than the shorter of what the rule allows now and what it allowed then.
 * @param length Milliseconds that would be granted
 * @throws PamError APPROVAL_VOID, with the target and what has changed
 */
export function needCurrent(request: AccessRequest, length: number, current: CurrentRules): AccessRequest {
  const rules = request.targets.map((asked) => currentRule(request, asked, length, current))
  if (request.extends === undefined) return request
  const longest = Math.min(request.extends.longest, ...rules.map(({ maxDuration }) => maxDuration))
  return { ...request, extends: { ...request.extends, longest } }
}

function currentRule(
  request: AccessRequest,
  asked: AccessRequest['targets'][number],
  length: number,
  current: CurrentRules,
): AccessRule {
  const found = whatChanged(request, asked, length, current)
  if (typeof found !== 'string') return found
  throw new PamError('APPROVAL_VOID', found, {
    id: request.id,
    hint: `deny ${request.id}, and have it requested again`,
  })
}

/** The rule that it stands on, or why it may not be approved. */
function whatChanged(
  request: AccessRequest,
  { name, rule: asked }: AccessRequest['targets'][number],
  length: number,
  { policy, targets, requester }: CurrentRules,
): AccessRule | string {
  const target = targets.find((one) => one.name === name)
  if (target === undefined) return `${name} has been removed since it was requested`
  const rules = requester.flatMap((person) => decideAccess(policy, person, target) ?? [])
  if (rules.length === 0) return `${request.requester.label} may not request ${name} now`
  const rule = rules.find((one) => one.name === asked)
  if (rule === undefined || !satisfies(request.approvers, rule))
    return `the rules for ${name} have changed since it was requested`
  if (rule.reason === 'required' && writtenLength(request.reason) === 0)
    return `a request for ${name} needs a reason now`
  if (length <= rule.maxDuration) return rule
  return `access to ${name} is limited to ${formatDuration(rule.maxDuration)} now: approve it for no longer`
}
