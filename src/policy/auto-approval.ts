import { z } from 'zod'
import {
  coveredUntil,
  describeEnd,
  describeSchedule,
  isTimeZone,
  nextStart,
  timeOfDay,
  weekdays,
  type Schedule,
} from './schedule.ts'

/** What approves requests under an access rule without a person. */
export type AutoApproval =
  | { readonly type: 'schedule'; readonly schedule: Schedule }
  /** `webhook`: its name in `requests.approvalWebhooks`. */
  | { readonly type: 'webhook'; readonly webhook: string }

const DAY = 86_400_000

const time = z.string().transform((text, context) => {
  const read = timeOfDay(text)
  if (read !== undefined) return read
  context.addIssue({ code: 'custom', message: 'expected a time of day such as 08:30, or 24:00' })
  return z.NEVER
})

const hours = z
  .strictObject({
    days: z
      .array(z.enum(weekdays))
      .min(1)
      .describe('days of the week on which they begin: mon, tue, wed, thu, fri, sat, sun'),
    from: time.describe('a time of day such as 08:00'),
    to: time.describe(
      'where they end, such as 18:00; 24:00 is the end of the day, an earlier time than from is on the next one',
    ),
  })
  .refine(({ from, to }) => from < DAY && from !== to, {
    path: ['to'],
    message: 'hours have a beginning and another end: a whole day is from 00:00 to 24:00',
  })

const schedule = z.strictObject({
  timeZone: z
    .string()
    .refine(isTimeZone, 'expected the name of a time zone, such as Europe/Berlin or UTC')
    .describe('a name of the IANA time zone database, such as Europe/Berlin'),
  hours: z.array(hours).min(1).max(20),
})

/** `autoApprove:` of an access rule. */
export const autoApproval = z
  .strictObject({
    schedule: schedule
      .optional()
      .describe('approves what is requested wholly within these hours; everything else is decided by the approvers'),
    webhook: z
      .string()
      .min(1)
      .optional()
      .describe('asks a webhook of requests.approvalWebhooks; what it does not approve is decided by the approvers'),
  })
  .transform((given, context): AutoApproval => {
    if (given.schedule !== undefined && given.webhook === undefined)
      return { type: 'schedule', schedule: given.schedule }
    if (given.webhook !== undefined && given.schedule === undefined) return { type: 'webhook', webhook: given.webhook }
    context.addIssue({ code: 'custom', message: 'give one of schedule and webhook' })
    return z.NEVER
  })

/** Only what one person could approve, with nothing but a recent sign-in, is approved without anybody. */
export function autoApprovalProblems(rule: {
  readonly grant: string
  readonly autoApprove?: AutoApproval | undefined
  readonly approvers?: { readonly count: number; readonly stepUp?: string | undefined } | undefined
}): { path: string[]; message: string }[] {
  if (rule.autoApprove === undefined) return []
  const problem = (message: string) => [{ path: ['autoApprove'], message }]
  if (rule.grant !== 'request') return problem('only a rule with grant: request has requests to approve')
  if (rule.approvers !== undefined && rule.approvers.count > 1)
    return problem(
      `the rule wants ${rule.approvers.count} people to approve: set approvers.count to 1, or leave this out`,
    )
  if (rule.approvers?.stepUp !== undefined)
    return problem('the rule wants a passkey of the approver: leave out approvers.stepUp, or this')
  return []
}

/** `without a person mon, tue 08:00–18:00 Europe/Berlin`, as the end of a sentence about who approves. */
export const describeAutoApproval = (approval: AutoApproval): string =>
  approval.type === 'schedule'
    ? `without a person ${describeSchedule(approval.schedule)}`
    : `without a person where the webhook "${approval.webhook}" approves`

/** What a request for access at once would meet now: `approved by the schedule until 18:00 Europe/Berlin`. */
export function describeAutoApprovalNow(approval: AutoApproval, now: number): string {
  if (approval.type === 'webhook') return `the webhook "${approval.webhook}" is asked first`
  const until = coveredUntil(approval.schedule, now)
  return until === undefined
    ? `outside the hours of the schedule (${describeSchedule(approval.schedule)}${nextStart(approval.schedule, now)}): people decide`
    : `approved by the schedule until ${describeEnd(approval.schedule, until)}`
}
