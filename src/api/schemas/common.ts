import { z } from 'zod'

export const personSchema = z.object({ id: z.string(), label: z.string(), kind: z.enum(['person', 'service']) })

/** Times are ISO 8601 in UTC. */
export const timeSchema = z.iso.datetime()

export const cursorQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(50),
  cursor: z.string().max(200).optional(),
})

export const idParams = z.object({ id: z.string().min(4).max(20) })

export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().optional() })
