import { z } from 'zod'
import { pageOf, shownEnum, timeSchema } from './common.ts'

const lockSubjectSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('person'), id: z.string(), label: z.string() }),
  z.object({ type: z.literal('target'), name: z.string() }),
  z.object({ type: z.literal('label'), name: z.string(), value: z.string() }),
  z.object({ type: z.literal('all') }),
])

export const lockSchema = z.object({
  id: z.string(),
  subject: lockSubjectSchema,
  /** For people to read: who or what is kept out. */
  what: z.string(),
  reason: z.string(),
  by: z.string(),
  state: shownEnum(['active', 'over', 'lifted']),
  createdAt: timeSchema,
  endsAt: timeSchema.optional(),
  lifted: z.object({ by: z.string(), reason: z.string(), at: timeSchema }).optional(),
  /** How many live sessions it ended; only in the answer that made it. */
  endedSessions: z.number().optional(),
})
export type Lock = z.output<typeof lockSchema>
export const locksSchema = pageOf(lockSchema)

export const newLockSchema = z
  .strictObject({
    /** An id, a name or an e-mail address of somebody who has signed in. */
    person: z.string().min(1).max(300).optional(),
    target: z.string().min(1).max(63).optional(),
    label: z.strictObject({ name: z.string().min(1).max(100), value: z.string().max(200) }).optional(),
    all: z.literal(true).optional(),
    reason: z.string().max(1000),
    /** Milliseconds; without it, until it is lifted. */
    lengthMs: z
      .int()
      .min(1000)
      .max(366 * 86_400_000)
      .optional(),
    includingSelf: z.boolean().default(false),
  })
  .refine(
    ({ person, target, label, all }) =>
      [person, target, label, all].filter((given) => given !== undefined).length === 1,
    'a lock names one person, one target, one label, or all',
  )
export type NewLock = z.input<typeof newLockSchema>
