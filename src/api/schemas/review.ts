import { z } from 'zod'
import { grantSchema, requestedTargetSchema, reviewFields } from './access.ts'
import { pageOf, timeSchema } from './common.ts'
import { assertionSchema } from './passkey.ts'

/** Something that waits for a person: a request for access, or a held command. */
export const reviewSchema = z.object({
  ...reviewFields,
  kind: z.enum(['request', 'command']),
  reason: z.string().optional(),
  /** Of a request: each of them; `target` has all their names. Gateways up to 0.2 do not say. */
  targets: z.array(requestedTargetSchema).optional(),
  lengthMs: z.number().optional(),
  startsAt: timeSchema.optional(),
  /** The grant that is to last longer. */
  extends: z.string().optional(),
  /** Exactly what would run. */
  text: z.string().optional(),
  parameters: z.array(z.string().nullable()).optional(),
  effect: z.string().optional(),
  session: z.string().optional(),
  /** Of the target. */
  labels: z.record(z.string(), z.string()),
  protocol: z.string(),
  /** What the session of a held command stands on. */
  grant: z.object({ id: z.string(), reason: z.string(), endsAt: timeSchema }).optional(),
  /** What the same session ran before, newest last, as it is on record. */
  recent: z.array(z.object({ at: timeSchema, text: z.string(), verdict: z.string() })).optional(),
  /** What the requester did on this target in the last 30 days, in sessions that ended and ones that are open. */
  lately: z
    .object({
      sessions: z.number(),
      commands: z.number(),
      denied: z.number(),
      /** Held commands before this one that were approved, and denied. */
      approved: z.number(),
      refused: z.number(),
      lastAt: timeSchema.optional(),
    })
    .optional(),
  rule: z.string(),
  digest: z.string().optional(),
  mayDecide: z.boolean(),
  whyNot: z.string().optional(),
})
export type Review = z.output<typeof reviewSchema>
export const reviewsSchema = pageOf(reviewSchema)

export const newDecisionSchema = z.strictObject({
  verdict: z.enum(['approve', 'deny']),
  comment: z.string().max(1000).default(''),
  /** Milliseconds; an approver may shorten a grant. */
  lengthMs: z.int().positive().optional(),
  /** The digest of what the approver was shown; needed to approve a held command. */
  digest: z.string().optional(),
  /** An assertion for this very decision, where the rule asks for a passkey. */
  passkey: assertionSchema.optional(),
})
/** `grant` is the first of `grants`: a request for several targets gives one for each. */
export const decidedSchema = z.object({
  review: reviewSchema,
  grant: grantSchema.optional(),
  grants: z.array(grantSchema).optional(),
})
