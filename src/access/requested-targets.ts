import { jointApprovers } from '../policy/joint-approvers.ts'
import type { AccessRule, Approvers } from '../policy/policy.ts'
import { PamError } from '../shared/errors.ts'

/** One of the targets that a request is for. */
export interface RequestedTarget {
  readonly name: string
  /** The access rule that it stands on. */
  readonly rule: string
  /** What came of it. */
  readonly grantId?: string | undefined
}

/** A request for one target or several, or a held command. */
type Reviewed = { readonly targets: readonly RequestedTarget[] } | { readonly target: string; readonly rule: string }

export const targetNames = (review: Reviewed): readonly string[] =>
  'targets' in review ? review.targets.map(({ name }) => name) : [review.target]

/** All of them, for people to read: whoever decides is shown nothing less. `prod-db, prod-web`. */
export const describeTargets = (review: Reviewed): string => targetNames(review).join(', ')

/** The same for the audit chain. Each is in it as `"target":…`, which is what the chain is searched for: also where there are several. */
export const auditedTargets = (review: Reviewed) => ({
  target: describeTargets(review),
  ...('targets' in review && review.targets.length > 1
    ? { targets: review.targets.map(({ name, rule }) => ({ target: name, rule })) }
    : {}),
})

/** Each rule once. */
export const describeRules = (review: Reviewed): string =>
  'targets' in review ? [...new Set(review.targets.map(({ rule }) => rule))].join(', ') : review.rule

/**
 * Who may decide on all of these targets at once.
 * @throws PamError USAGE where no group may
 */
export function approversOfAll(asked: readonly { readonly name: string; readonly approvers: Approvers }[]): Approvers {
  const joint = jointApprovers(asked.map(({ approvers }) => approvers))
  if (joint !== undefined) return joint
  const who = asked.map(({ name, approvers }) => `${name} (${approvers.groups.join(' or ')})`).join(', ')
  throw new PamError('USAGE', `no group of approvers decides on all of these targets: ${who}`, {
    hint: 'request targets with different approvers separately',
  })
}

/** Whether a decision by `given` is one that `rule` asks for now: by no more groups, no fewer people and nothing less. */
export function satisfies(given: Approvers, { grant, approvers: needed }: AccessRule): boolean {
  return (
    grant === 'request' &&
    needed !== undefined &&
    given.groups.every((group) => needed.groups.includes(group)) &&
    given.count >= needed.count &&
    (needed.stepUp === undefined || needed.stepUp === given.stepUp)
  )
}
