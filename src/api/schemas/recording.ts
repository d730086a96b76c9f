import { z } from 'zod'
import { timeSchema } from './common.ts'

export const legalHoldSchema = z.object({
  session: z.string(),
  legalHold: z.object({ by: z.string(), reason: z.string(), at: timeSchema }).optional(),
})

/** One line of a search's answer. */
export const foundSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('command'),
    session: z.string(),
    at: timeSchema,
    ms: z.number(),
    person: z.string(),
    target: z.string(),
    verdict: z.string(),
    text: z.string(),
  }),
  /** A record that could not be searched. */
  z.object({ type: z.literal('skipped'), session: z.string(), reason: z.string() }),
  /** More would have been found. */
  z.object({ type: z.literal('more') }),
])
export type Found = z.output<typeof foundSchema>

/** The original of a command that could not be parsed. The record has the digest of salt and text, by which a reader holds one against the other. */
export const detachedTextSchema = z.object({
  id: z.string(),
  /** 16 bytes in base64. */
  salt: z.string(),
  text: z.string(),
  /** Why this one cannot be read: then `text` and `salt` are empty, and `id` where the file does not say it. */
  problem: z.string().optional(),
})
export type DetachedText = z.output<typeof detachedTextSchema>

/** Which entries. */
export const auditFilterQuery = z.object({
  since: z.iso.datetime().optional(),
  until: z.iso.datetime().optional(),
  user: z.string().max(300).optional(),
  target: z.string().max(100).optional(),
  type: z.string().max(50).optional(),
  subject: z.string().max(200).optional(),
  text: z.string().max(200).optional(),
})

export const auditQuery = auditFilterQuery.extend({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(500),
  /** `newest` begins at the end of the chain, or before the entry `before`. */
  order: z.enum(['oldest', 'newest']).default('oldest'),
  before: z.coerce.number().int().min(1).optional(),
})

export const auditExportQuery = auditFilterQuery.extend({ format: z.enum(['csv', 'jsonl']) })

const jsonValue = z.record(z.string(), z.unknown())
const auditSubjectSchema = z.object({ person: z.string(), target: z.string(), what: z.string().optional() })
export type AuditSubject = z.output<typeof auditSubjectSchema>

export const auditEntrySchema = z.object({
  seq: z.number(),
  id: z.string(),
  at: timeSchema,
  type: z.string(),
  actor: z.string(),
  subject: z.string(),
  data: jsonValue,
  previous: z.string(),
  hash: z.string(),
  key: z.string().optional(),
  signature: z.string().optional(),
})

export const auditSchema = z.object({
  items: z.array(auditEntrySchema),
  /** Names that people read for the actors on this page, where they are known. */
  people: z.record(z.string(), z.string()),
  /** Whose the things are that entries name by their ids, on which target, and what a held command does, where that is known. */
  subjects: z.record(z.string(), auditSubjectSchema),
  /** Nothing was found, and nobody whom `user` names has ever signed in. */
  unknownUser: z.boolean().optional(),
  /** Pass as `after`, or as `before` where the newest come first. */
  next: z.number().optional(),
})

export const auditStatusSchema = z.object({
  entries: z.number(),
  head: z.object({ seq: z.number(), hash: z.string() }).optional(),
  /** What this gateway finds when it checks the whole chain against its own keys. */
  chain: z.union([
    z.object({ status: z.literal('valid'), entries: z.number() }),
    z.object({ status: z.literal('invalid'), seq: z.number(), reason: z.string() }),
  ]),
  streams: z.array(z.object({ name: z.string(), problem: z.string().optional() })),
  checkpoints: z.array(z.object({ name: z.string(), kept: z.number().optional(), problem: z.string().optional() })),
})

/** One page of what happened in a session. */
export const timelineSchema = z.object({
  /** Events as they are on record; the bytes of terminals are left out. */
  items: z.array(z.looseObject({ seq: z.number(), at: timeSchema, ms: z.number(), type: z.string() })),
  /** Pass as `from`. */
  next: z.number().optional(),
  /** Events that are encrypted to auditors. */
  hidden: z.number(),
  /** Terminals of the session that appear on this page. */
  terminals: z.array(z.string()),
})
export type Timeline = z.output<typeof timelineSchema>

export const verificationSchema = z.object({
  status: z.enum(['sealed', 'recovered', 'open', 'invalid']),
  events: z.number().optional(),
  segments: z.number().optional(),
  at: timeSchema.optional(),
  key: z.string().optional(),
  tail: z.string().optional(),
  hidden: z.number().optional(),
  reason: z.string().optional(),
  segment: z.number().optional(),
  event: z.number().optional(),
})
