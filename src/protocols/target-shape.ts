import { isIP } from 'node:net'
import { z } from 'zod'

/** The keys that every entry of `targets:` has, beside `type` and what its protocol adds. */
export const targetShape = {
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'expected lower-case letters, digits, dots, dashes; at most 63')
    .describe('what people call it'),
  labels: z.record(z.string(), z.string()).default({}).describe('what rules select by, such as env: prod'),
  host: z
    .string()
    .min(1)
    .refine(isHost, 'expected a name or an IP address alone: without https://, port, path and brackets')
    .describe('where the gateway reaches it: a name or an IP address'),
  durability: z
    .enum(['buffered', 'strict'])
    .optional()
    .describe('how safely a command is recorded before it is forwarded; default: recording.durability'),
}

/** A name that can be looked up (letters of other scripts included, and underscores, which container networks have), or an address. */
function isHost(text: string): boolean {
  return isIP(text) !== 0 || /^(?=.{1,253}$)[\p{L}\p{N}_](?:[\p{L}\p{M}\p{N}_.-]*[\p{L}\p{M}\p{N}_.])?$/u.test(text)
}
