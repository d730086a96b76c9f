import { z } from 'zod'
import { pageOf, personSchema, timeSchema } from './common.ts'

export const sessionSchema = z.object({
  id: z.string(),
  person: personSchema,
  target: z.string(),
  protocol: z.string(),
  grantId: z.string(),
  openedAt: timeSchema,
  ended: z.object({ at: timeSchema, code: z.string(), message: z.string() }).optional(),
  commands: z.number(),
  /** Of the grant it runs under. */
  grantEndsAt: timeSchema.optional(),
  reason: z.string().optional(),
})
export type Session = z.output<typeof sessionSchema>
export const sessionsSchema = pageOf(sessionSchema)

export const keysSchema = pageOf(
  z.object({ id: z.string(), publicKey: z.string(), from: timeSchema, until: timeSchema.optional() }),
)
