import { z } from 'zod'
import { timeSchema } from './common.ts'

export const legalHoldSchema = z.object({
  session: z.string(),
  legalHold: z.object({ by: z.string(), reason: z.string(), at: timeSchema }).optional(),
})
export type LegalHold = z.output<typeof legalHoldSchema>

/** One line of a search's answer. */
export type Found =
  | {
      readonly type: 'command'
      readonly session: string
      readonly at: string
      readonly ms: number
      readonly person: string
      readonly target: string
      readonly verdict: string
      readonly text: string
    }
  /** A record that could not be searched. */
  | { readonly type: 'skipped'; readonly session: string; readonly reason: string }
  /** More would have been found. */
  | { readonly type: 'more' }

/** A text that stands apart from the record. */
export interface ApartText {
  readonly id: string
  readonly sha256: string
  readonly text: string
}

export const auditQuery = z.object({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(500),
  since: z.iso.datetime().optional(),
  until: z.iso.datetime().optional(),
  user: z.string().max(300).optional(),
  target: z.string().max(100).optional(),
  type: z.string().max(50).optional(),
})
export type AuditQuery = z.input<typeof auditQuery>
