import { z } from 'zod'
import { formatDuration } from '../shared/duration.ts'
import { duration } from '../shared/duration-schema.ts'
import type { WhoSelector } from './policy.ts'

const names = z.array(z.string().min(1)).min(1)

export const who = z
  .strictObject({
    groups: names.optional().describe('any of these groups'),
    people: names.optional().describe('any of these people, by id, as `pamctl whoami --json` shows it'),
    kind: z.enum(['person', 'service']).optional().describe('only people, or only services'),
  })
  .default({})
  .describe('who the rule applies to; default: everybody')

export const targets = z
  .strictObject({
    names: names.optional().describe('any of these targets'),
    labels: z.record(z.string(), z.string()).optional().describe('all of these labels'),
  })
  .default({})
  .describe('which targets the rule applies to; default: all')

export const approvers = z.strictObject({
  groups: names.describe('members of any of these groups may decide'),
  count: z.int().min(1).max(10).default(1).describe('how many distinct people must approve'),
  stepUp: z
    .enum(['passkey'])
    .optional()
    .describe(
      'passkey: each approval is confirmed in the dashboard with a passkey (WebAuthn) of the approver; needs an https publicUrl with a host name',
    ),
})

export const breakGlass = z.strictObject({
  reviewers: z
    .strictObject({ groups: names.describe('members of any of these groups, but never whoever broke the glass') })
    .describe('who closes the review afterwards'),
  minReason: z.int().min(10).max(500).default(20).describe('characters that the reason must have'),
  maxPerDay: z.int().min(1).max(10).default(2).describe('how often one person may use the rule within 24 hours'),
  announcement: z
    .enum(['required', 'best-effort'])
    .default('required')
    .describe(
      'required: no access unless a webhook or Slack has taken the announcement; best-effort: access in any case',
    ),
  remindEvery: duration.prefault('24h').describe('how often reviewers are reminded of an outstanding review'),
  lifts: z
    .strictObject({
      holds: z.array(z.string()).default([]).describe('names of command rules whose hold does not apply'),
      masks: z.array(z.string()).default([]).describe('names of masking rules that do not apply'),
    })
    .prefault({})
    .describe('what does not apply under such access; rules that deny always do'),
})

/** Terms are for emergencies alone, and such a rule names people who have a face, for a short time. */
export function breakGlassProblems(rule: {
  readonly grant: string
  readonly who: WhoSelector
  readonly maxDuration: number
  readonly breakGlass?: object | undefined
  readonly approvers?: object | undefined
}): { path: string[]; message: string }[] {
  const isBreakGlass = rule.grant === 'break-glass'
  const { groups, people, kind } = rule.who
  const problems: [boolean, string[], string][] = [
    [
      isBreakGlass && rule.breakGlass === undefined,
      ['breakGlass'],
      'a rule with grant: break-glass needs breakGlass, with the reviewers',
    ],
    [
      !isBreakGlass && rule.breakGlass !== undefined,
      ['breakGlass'],
      'only a rule with grant: break-glass has these terms',
    ],
    [
      isBreakGlass && rule.approvers !== undefined,
      ['approvers'],
      'a rule with grant: break-glass takes no approvers: give breakGlass.reviewers',
    ],
    [
      isBreakGlass && groups === undefined && people === undefined,
      ['who'],
      'a rule with grant: break-glass names groups or people',
    ],
    [isBreakGlass && kind === 'service', ['who', 'kind'], 'services do not break the glass'],
    [
      isBreakGlass && rule.maxDuration > MAX_BREAK_GLASS,
      ['maxDuration'],
      `a rule with grant: break-glass needs a maxDuration of ${formatDuration(MAX_BREAK_GLASS)} or less`,
    ],
  ]
  return problems.flatMap(([isProblem, path, message]) => (isProblem ? [{ path, message }] : []))
}

const MAX_BREAK_GLASS = 4 * 3_600_000

export const ruleName = z.string().min(1).max(100).describe('shown with every decision')
