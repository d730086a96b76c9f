import { z } from 'zod'
import { shownValues } from '../api/schemas/common.ts'

/**
 * The schema of an answer for a reader that may be older than the gateway: where a value is only shown (`shownEnum`), one that is not known is taken
 * as well, as long as it is a word. Every other enumeration stays closed: something is decided by its values.
 *
 * The type stays that of the known values, so code that maps them has to have something for the rest.
 */
export const withOpenValues = <T>(schema: z.ZodType<T>): z.ZodType<T> => opened(schema) as z.ZodType<T>

function opened(schema: z.core.$ZodType): z.core.$ZodType {
  if (!(schema instanceof z.ZodType)) return schema
  if (shownValues.has(schema)) return z.string().regex(WORD, 'expected a word')
  if (schema instanceof z.ZodObject) {
    const shape = Object.entries(schema.def.shape).map(([key, field]) => [key, opened(field)])
    return schema.clone({ ...schema.def, shape: Object.fromEntries(shape) })
  }
  if (schema instanceof z.ZodArray) return schema.clone({ ...schema.def, element: opened(schema.def.element) })
  if (schema instanceof z.ZodOptional) return schema.clone({ ...schema.def, innerType: opened(schema.def.innerType) })
  if (schema instanceof z.ZodUnion) return schema.clone({ ...schema.def, options: schema.def.options.map(opened) })
  return schema
}

/** As the API writes its values: it moves no cursor, and is no option or path where it becomes part of a command line. */
const WORD = /^[a-z][a-z0-9-]{0,39}$/
