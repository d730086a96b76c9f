import { z } from 'zod'
import { timeSchema } from './common.ts'

const weekSchema = z.object({
  startsAt: timeSchema,
  approved: z.number(),
  denied: z.number(),
  /** Expired, withdrawn or void. */
  undecided: z.number(),
  waiting: z.number(),
  /** Milliseconds to the decision, of half of those that were decided. */
  medianMs: z.number().optional(),
})
export type WeekNumbers = z.output<typeof weekSchema>

/** Weeks by when things were filed, oldest first; the last one ends now. */
export const numbersSchema = z.object({
  /** Held commands. */
  commands: z.array(weekSchema),
  /** Requests for access. */
  requests: z.array(weekSchema),
})
