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
})
export type Session = z.output<typeof sessionSchema>
export const sessionsSchema = pageOf(sessionSchema)

export const keysSchema = z.object({
  items: z.array(z.object({ id: z.string(), publicKey: z.string(), from: timeSchema, until: timeSchema.optional() })),
})

export const explanationSchema = z.object({
  target: z.string(),
  access: z.object({ rule: z.string(), text: z.string() }).optional(),
  accessRules: z.array(z.object({ rule: z.string(), applies: z.boolean(), text: z.string() })),
  commands: z.array(z.object({ rule: z.string(), applies: z.boolean(), text: z.string() })),
  masking: z.array(z.object({ rule: z.string(), applies: z.boolean(), text: z.string() })),
})
export type Explanation = z.output<typeof explanationSchema>
