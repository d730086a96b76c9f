import { z } from 'zod'
import { pageOf, personSchema, shownEnum, timeSchema } from './common.ts'

export const sessionSchema = z.object({
  id: z.string(),
  person: personSchema,
  target: z.string(),
  protocol: z.string(),
  grantId: z.string(),
  openedAt: timeSchema,
  ended: z.object({ at: timeSchema, code: z.string(), message: z.string() }).optional(),
  commands: z.number(),
  /** Of the commands, those that were denied, and those that were held. */
  denied: z.number(),
  held: z.number(),
  /** Of the grant it runs under. */
  grantEndsAt: timeSchema.optional(),
  reason: z.string().optional(),
  /** Who approved the request for that grant. */
  approvedBy: z.array(z.string()).optional(),
  /** What an open session does now: a command runs or is held, or none does, since a time. */
  activity: z
    .object({
      state: shownEnum(['running', 'held', 'idle']),
      since: timeSchema,
      /** The command, or the last one of an idle session, as recorded; only where it was asked for, for whoever may read the recording. */
      text: z.string().optional(),
      /** That a held command waits for. */
      approval: z.string().optional(),
    })
    .optional(),
})
export type Session = z.output<typeof sessionSchema>
export const sessionsSchema = pageOf(sessionSchema)

export const keysSchema = pageOf(
  z.object({ id: z.string(), publicKey: z.string(), from: timeSchema, until: timeSchema.optional() }),
)
