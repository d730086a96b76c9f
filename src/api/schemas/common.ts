import { z } from 'zod'

/** Enumerations of which a reader shows the values, and decides nothing by one that it does not know. */
export const shownValues = new WeakSet<z.ZodType>()

/** One of them: a value that a later version adds breaks no earlier reader. */
export function shownEnum<const Values extends readonly [string, ...string[]]>(values: Values) {
  const schema = z.enum(values)
  shownValues.add(schema)
  return schema
}

export const personSchema = z.object({ id: z.string(), label: z.string(), kind: shownEnum(['person', 'service']) })

/** Times are ISO 8601 in UTC. */
export const timeSchema = z.iso.datetime()

export const cursorQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(50),
  cursor: z.string().max(200).optional(),
})

export const idParams = z.object({ id: z.string().min(4).max(20) })

export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().optional() })
