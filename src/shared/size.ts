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

/** A number of bytes as people write it, in the largest unit of which there is at least one: `1.5 MiB`. */
export function formatSize(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)))
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${UNITS[power]}`
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
