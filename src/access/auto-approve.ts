import { describeSchedule, covers, coveredUntil, nextStart } from '../policy/schedule.ts'
import type { AccessRule } from '../policy/policy.ts'
import { formatDuration } from '../shared/duration.ts'
import type { AccessRequest } from './request.ts'
import type { Automatic } from './review.ts'

/** What the rules say of a request: it is approved, a webhook is asked, people decide (`why`: what speaks against it), or no rule has anything to say. */
export type AutoVerdict =
  | { readonly type: 'approve'; readonly automatic: Automatic }
  /** The webhook that it names is asked. */
  | { readonly type: 'ask'; readonly automatic: Automatic & { readonly webhook: string } }
  | { readonly type: 'people'; readonly why: string }
  | { readonly type: 'none' }

/**
 * What may approve a request in place of its approvers. The rule of each target has to let the same kind of thing do so: one decision is for
 * all targets, and is never made for some of them.
 * @param rules Those that the request stands on, as they are now; one for each target, in their order
 */
export function autoVerdict(request: AccessRequest, rules: readonly AccessRule[], now: number): AutoVerdict {
  const { approvers, targets } = request
  if (rules.every(({ autoApprove }) => autoApprove === undefined)) return { type: 'none' }
  const people = (why: string): AutoVerdict => ({ type: 'people', why })
  if (request.extends !== undefined) return people('more time is for approvers to decide')
  if (approvers.count > 1 || approvers.stepUp !== undefined)
    return people('one of the rules wants more than one approval, or a passkey')
  if (rules.length !== targets.length) return people('not every target has a rule')
  const names = [...new Set(rules.map(({ name }) => name))]
  const webhook = commonWebhook(rules)
  if (webhook !== undefined) return { type: 'ask', automatic: { by: 'webhook', rules: names, webhook } }
  const bySchedule = rules.flatMap(({ name, grant, autoApprove }) =>
    grant === 'request' && autoApprove?.type === 'schedule' ? [{ name, schedule: autoApprove.schedule }] : [],
  )
  if (bySchedule.length !== rules.length) return people('the rules of the targets do not have this in common')
  const { length, startsAt = now } = request
  const begins = Math.max(now, startsAt)
  const outside = bySchedule.find(({ schedule }) => !covers(schedule, begins, begins + length))
  if (outside === undefined) return { type: 'approve', automatic: { by: 'schedule', rules: names } }
  const until = coveredUntil(outside.schedule, begins)
  const shorter =
    until === undefined || bySchedule.length > 1
      ? ''
      : `; up to ${formatDuration(until - begins)} would be approved at once`
  return people(
    `it does not fit into the hours of rule "${outside.name}", ${describeSchedule(outside.schedule)}${until === undefined ? nextStart(outside.schedule, begins) : shorter}`,
  )
}

/** The webhook that all of the rules ask. */
function commonWebhook(rules: readonly AccessRule[]): string | undefined {
  const names = new Set(
    rules.map(({ grant, autoApprove }) =>
      grant === 'request' && autoApprove?.type === 'webhook' ? autoApprove.webhook : undefined,
    ),
  )
  const [name] = names
  return names.size === 1 ? name : undefined
}
