import { z } from 'zod'
import { pageOf, personSchema, shownEnum, timeSchema } from './common.ts'

export const breakGlassSchema = z.object({
  id: z.string(),
  person: personSchema,
  target: z.string(),
  rule: z.string(),
  reason: z.string(),
  /** `announcing`, `refused`, `active`, `review` (ended, and nobody has reviewed it) or `closed`. */
  state: shownEnum(['announcing', 'refused', 'active', 'review', 'closed']),
  createdAt: timeSchema,
  endsAt: timeSchema.optional(),
  grantId: z.string().optional(),
  reviewers: z.array(z.string()),
  reviewed: z.object({ by: z.string(), comment: z.string(), at: timeSchema }).optional(),
  /** Channels that had taken the announcement when access was given; only in the answer to that. */
  announced: z.array(z.string()).optional(),
  mayReview: z.boolean(),
  whyNot: z.string().optional(),
})
export type BreakGlass = z.output<typeof breakGlassSchema>
export const breakGlassListSchema = pageOf(breakGlassSchema)

export const newBreakGlassSchema = z.strictObject({
  target: z.string().min(1).max(63),
  reason: z.string().max(1000),
  lengthMs: z.int().positive().optional(),
})

export const newReviewSchema = z.strictObject({ comment: z.string().max(2000) })
