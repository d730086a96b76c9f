import { z } from 'zod'
import { pageOf, shownEnum, timeSchema } from './common.ts'

/** One message to one webhook, and what became of it. */
const deliverySchema = z.object({
  id: z.string(),
  hook: z.string(),
  type: z.string(),
  subject: z.string(),
  state: shownEnum(['waiting', 'delivered', 'failed']),
  attempts: z.number(),
  /** What the receiver said last. */
  answer: z.string().optional(),
  createdAt: timeSchema,
  /** Pending deliveries: time of the next attempt. */
  nextAt: timeSchema.optional(),
})
export type Delivery = z.output<typeof deliverySchema>
export const deliveriesSchema = pageOf(deliverySchema)
