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

/** How many targets one request may be for: as many as somebody reads before they decide. */
export const MAX_REQUESTED_TARGETS = 20

/** A request for one target or several, or a held command. */
type Reviewed = { readonly targets: readonly RequestedTarget[] } | { readonly target: string; readonly rule: string }

export const targetNames = (review: Reviewed): readonly string[] =>
  'targets' in review ? review.targets.map(({ name }) => name) : [review.target]

/** All of them, for people to read: whoever decides is shown nothing less. `prod-db, prod-web`. */
export const describeTargets = (review: Reviewed): string => targetNames(review).join(', ')

/** Each rule once. */
export const describeRules = (review: Reviewed): string =>
  'targets' in review ? [...new Set(review.targets.map(({ rule }) => rule))].join(', ') : review.rule

/**
 * Who may decide on all of these targets at once: members of a group that each rule names, as many as the rule that asks for most, with a passkey
 * where one asks for it.
 * @throws PamError USAGE where no group may decide on all
 */
export function approversOfAll(asked: readonly { readonly name: string; readonly approvers: Approvers }[]): Approvers {
  const [first, ...others] = asked
  if (first === undefined) throw new Error('a request is for one target at least')
  if (others.length === 0) return first.approvers
  const groups = first.approvers.groups.filter((group) =>
    others.every(({ approvers }) => approvers.groups.includes(group)),
  )
  if (groups.length === 0) {
    const who = asked.map(({ name, approvers }) => `${name} (${approvers.groups.join(' or ')})`).join(', ')
    throw new PamError('USAGE', `no group of approvers decides on all of these targets: ${who}`, {
      hint: 'request targets with different approvers separately',
    })
  }
  return {
    groups,
    count: Math.max(...asked.map(({ approvers }) => approvers.count)),
    ...(asked.some(({ approvers }) => approvers.stepUp === 'passkey') ? { stepUp: 'passkey' } : {}),
  }
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
