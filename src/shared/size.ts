import { z } from 'zod'

/** A size as people write it, in bytes inside. */
export const size = z
  .string()
  .describe('a size such as 512 KiB, 100 MiB or 20 GiB')
  .transform((text, context) => {
    const match = /^(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB)$/.exec(text)
    if (match !== null) return Math.round(Number(match[1]) * 1024 ** UNITS.indexOf(match[2] as string))
    context.addIssue({ code: 'custom', message: `expected a size such as 100 MiB or 20 GiB, not "${text}"` })
    return z.NEVER
  })

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
