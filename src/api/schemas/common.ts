import { z } from 'zod'

export const personSchema = z.object({ id: z.string(), label: z.string(), kind: z.enum(['person', 'service']) })

/** Times are ISO 8601 in UTC. */
export const timeSchema = z.iso.datetime()

export const cursorQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(50),
  cursor: z.string().max(200).optional(),
})

export const idParams = z.object({ id: z.string().min(4).max(20) })

/** Errors, as RFC 9457 problem details. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  detail: z.string(),
  code: z.string(),
  hint: z.string().optional(),
  id: z.string().optional(),
})

export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().optional() })
