import { z } from 'zod'
import { parseDuration } from './duration.ts'

/** A duration as people write it, in milliseconds inside. */
export const duration = z
  .string()
  .describe('a duration such as 90s, 30m, 1h30m or 2d')
  .transform((text, context) => {
    const milliseconds = parseDuration(text)
    if (milliseconds !== undefined && milliseconds <= MAX_DURATION_MS) return milliseconds
    const expected = milliseconds === undefined ? 'a duration such as 90s, 30m or 12h' : 'at most a hundred years'
    context.addIssue({ code: 'custom', message: `expected ${expected}, not "${text}"` })
    return z.NEVER
  })

/** A duration that a timer counts: Node's cannot count more than 24 days. */
export const timeout = duration.refine((milliseconds) => milliseconds <= 86_400_000, 'expected at most 1d')

const MAX_DURATION_MS = 36_500 * 86_400_000
