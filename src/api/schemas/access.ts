import { z } from 'zod'
import { pageOf, personSchema, shownEnum, timeSchema } from './common.ts'

const approversSchema = z.object({
  groups: z.array(z.string()),
  count: z.number(),
  /** What each approval needs besides a recent sign-in. */
  stepUp: z.enum(['passkey']).optional(),
})

export const targetSchema = z.object({
  name: z.string(),
  type: z.string(),
  labels: z.record(z.string(), z.string()),
  /** For people to read. */
  access: z.string(),
  /** The name of the access rule. Gateways up to 0.2 do not say. */
  rule: z.string().optional(),
  /** Who decides on a request for it. */
  approvers: approversSchema.optional(),
  /** `break-glass`: in an emergency alone. */
  grant: z.enum(['standing', 'request', 'break-glass']),
  /** How access is taken in an emergency, where some rule gives it. */
  breakGlass: z.object({ longestMs: z.number(), minReason: z.number(), access: z.string() }).optional(),
  /** Why nobody has access now. */
  locked: z.string().optional(),
  /** Why standing access gives the caller nothing now. Gateways up to 0.2 do not say. */
  revoked: z.string().optional(),
  longestMs: z.number(),
  reasonRequired: z.boolean(),
  /** What a client must name when it connects. */
  accounts: z.array(z.string()),
  database: z.string().optional(),
  /** The local port that `pamctl connect` usually opens for it. Gateways up to 0.2 do not say. */
  usualPort: z.number().optional(),
  /** Host keys that the gateway shows to clients of the protocol: type and base64. */
  hostKeys: z.array(z.string()).optional(),
  /** Keys that sign certificates of these host keys, for the principal `pamctl-` and the name of the target. */
  hostAuthorities: z.array(z.string()).optional(),
  /** Where browsers reach it: `https://grafana.apps.example.com`. */
  appUrl: z
    .string()
    .regex(/^https:\/\/[a-z0-9.-]+(?::\d+)?$/)
    .optional(),
})
export type Target = z.output<typeof targetSchema>
export const targetsSchema = pageOf(targetSchema)

/** What approved without a person, by which rules. */
const automaticSchema = z.object({
  by: shownEnum(['schedule', 'webhook']),
  rules: z.array(z.string()),
  /** Its name. */
  webhook: z.string().optional(),
})

const decisionSchema = z.object({
  label: z.string(),
  verdict: shownEnum(['approve', 'deny']),
  comment: z.string(),
  at: timeSchema,
  /** The id of the credential that verified it, where the rule asks for a passkey. */
  passkey: z.string().optional(),
  /** Where no person decided, but what access rules name in their place: `label` says it in words. */
  automatic: automaticSchema.optional(),
})

/** What requests and held commands have in common. */
export const reviewFields = {
  id: z.string(),
  requester: personSchema,
  target: z.string(),
  state: z.string(),
  /** For people to read: who decided, and their words. */
  status: z.string(),
  approvers: approversSchema,
  decisions: z.array(decisionSchema),
  createdAt: timeSchema,
  expiresAt: timeSchema,
  /** Who or what withdrew it. Gateways up to 0.2 do not say. */
  withdrawn: z.object({ by: z.string(), at: timeSchema }).optional(),
  /** Of a request that waits: the webhook that is asked for approval. */
  asking: z.string().optional(),
  /** Of a request: why people decide, although the rules let something else approve such requests. */
  people: z.string().optional(),
}

/** One of the targets of a request. */
export const requestedTargetSchema = z.object({ name: z.string(), rule: z.string(), grantId: z.string().optional() })

export const requestSchema = z.object({
  ...reviewFields,
  /** Each of them; `target` has all their names. Gateways up to 0.2 do not say. */
  targets: z.array(requestedTargetSchema).optional(),
  /** Targets that were asked for and are not part of it: told once, where it is filed. */
  skipped: z.array(z.object({ target: z.string(), reason: z.string() })).optional(),
  reason: z.string(),
  lengthMs: z.number(),
  grantId: z.string().optional(),
  grantEndsAt: timeSchema.optional(),
  /** When the access begins, where that is later. */
  startsAt: timeSchema.optional(),
  /** The grant that is to last longer. */
  extends: z.string().optional(),
})
export type AccessRequest = z.output<typeof requestSchema>
export const requestsSchema = pageOf(requestSchema)

/** How many targets one request may be for: as many as somebody reads before they decide. */
export const MAX_REQUESTED_TARGETS = 20
const targetName = z.string().min(1).max(63)
const labelText = z.string().min(1).max(100)

export const newRequestSchema = z
  .strictObject({
    target: targetName.optional(),
    /** Several at once: one decision for all, and a grant for each. */
    targets: z.array(targetName).min(1).max(MAX_REQUESTED_TARGETS).optional(),
    /** All targets that have these labels now and that the caller may see. */
    labels: z
      .record(labelText, labelText)
      .refine((labels) => Object.keys(labels).length > 0, 'give a label')
      .optional(),
    /** Files the request without the targets that cannot be requested; by default it is refused. */
    skipUnavailable: z.boolean().optional(),
    /** Refuses, with ALREADY_GRANTED, a target that the caller has access to now: two commands at once need one grant. */
    unlessHeld: z.boolean().optional(),
    reason: z.string().max(1000).default(''),
    lengthMs: z.int().positive().optional(),
    startsAt: timeSchema.optional(),
    /** A grant of the caller: the time is added to it. */
    extends: z.string().max(20).optional(),
  })
  .refine(
    ({ target, targets, labels }) => [target, targets, labels].filter((given) => given !== undefined).length === 1,
    'give one of target, targets and labels',
  )
export type NewRequest = z.output<typeof newRequestSchema>

export const grantSchema = z.object({
  id: z.string(),
  person: personSchema,
  target: z.string(),
  reason: z.string(),
  rule: z.string(),
  standing: z.boolean(),
  /** The emergency that it was taken in. */
  breakGlass: z.string().optional(),
  /** What approved it, where no person did. */
  automatic: automaticSchema.optional(),
  state: shownEnum(['scheduled', 'active', 'over', 'revoked']),
  startsAt: timeSchema,
  endsAt: timeSchema,
  revoked: z.object({ by: z.string(), reason: z.string(), at: timeSchema }).optional(),
})
export type Grant = z.output<typeof grantSchema>
export const grantsSchema = pageOf(grantSchema)

export const reasonBody = z.strictObject({ reason: z.string().max(1000).default('') })
