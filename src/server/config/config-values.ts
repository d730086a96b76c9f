import { z } from 'zod'
import { isSecretReference } from '../../credentials/secret-reference.ts'
import { isLoopback } from '../../shared/loopback.ts'
import { needed } from '../../shared/needed-values.ts'
import { plainUrl } from '../../shared/plain-url.ts'

/** Where a secret is, never the secret itself. */
export const secret = z
  .string()
  .refine(isSecretReference, 'expected a reference, env:NAME or file:PATH, not the secret itself')
  .transform((text) => text)
  .register(needed, { what: 'secret' })

/** Where something is sent. */
export const http = plainUrl.refine((url) => {
  if (!URL.canParse(url)) return true // said already
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || isLoopback(hostname)
}, 'expected https; http is for loopback only')

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
