import { z } from 'zod'
import { timeSchema } from './common.ts'

const explainedRules = z.array(z.object({ rule: z.string(), applies: z.boolean(), text: z.string() }))

export const explanationSchema = z.object({
  target: z.string(),
  /** `now`: what a request for access at once would meet, where something may approve it without a person. */
  access: z.object({ rule: z.string(), text: z.string(), now: z.string().optional() }).optional(),
  accessRules: explainedRules,
  commands: explainedRules,
  masking: explainedRules,
})
export type Explanation = z.output<typeof explanationSchema>

const ruleSchema = z.object({
  rule: z.string(),
  /** Whom and which targets it is about, for people to read. */
  about: z.string(),
  text: z.string(),
})

/** The rules in force, in their order. */
export const rulesSchema = z.object({
  version: z.string(),
  access: z.array(ruleSchema),
  commands: z.array(ruleSchema.extend({ effect: z.enum(['allow', 'deny', 'hold']) })),
  masking: z.array(ruleSchema),
  /** Names that a trial may use. */
  targets: z.array(z.string()),
  groups: z.array(z.string()),
})
export type Rules = z.output<typeof rulesSchema>

const groups = z.array(z.string().min(1).max(200)).max(100)

export const trialBody = z.strictObject({
  target: z.string().min(1).max(63),
  command: z.string().min(1).max(50_000),
  /** Somebody in these groups; default: the caller. */
  person: z.strictObject({ groups, kind: z.enum(['person', 'service']).default('person') }).optional(),
  /** When access is requested, for rules that depend on the time; default: now. */
  at: timeSchema.optional(),
})

const judgementSchema = z.object({
  verdict: z.enum(['allow', 'deny', 'hold']),
  rule: z.string().optional(),
  message: z.string().optional(),
  hint: z.string().optional(),
  approvers: z.string().optional(),
})

export const trialSchema = z.object({
  target: z.string(),
  access: z
    .object({
      rule: z.string(),
      grant: z.enum(['standing', 'request', 'break-glass']),
      /** What a request for access at once would meet, where something may approve it without a person. */
      now: z.string().optional(),
    })
    .optional(),
  judgement: judgementSchema,
  statements: z.array(
    z.object({
      kind: z.string(),
      reads: z.array(z.string()),
      writes: z.array(z.string()),
      unknown: z.array(z.string()),
      rules: z.array(
        z.object({
          rule: z.string(),
          effect: z.enum(['allow', 'deny', 'hold']),
          result: z.enum(['decides', 'fits', 'not']),
          why: z.string(),
        }),
      ),
    }),
  ),
  /** What would be masked in anything that the target sends. Gateways up to 0.2 do not say. */
  masking: z.array(z.object({ rule: z.string(), text: z.string() })).optional(),
})
export type TrialResult = z.output<typeof trialSchema>

/** `commands:` as in the configuration file. */
export const draftBody = z.strictObject({ draft: z.string().max(60_000) })
export const draftSchema = z.object({
  /** What is wrong with it, by the line and column at which it stands, from 1; none: it can be used. */
  problems: z.array(z.object({ line: z.number(), column: z.number(), message: z.string() })),
})
export type DraftProblems = z.output<typeof draftSchema>['problems']

export const replayBody = z.strictObject({
  /** `commands:` as in the configuration file; default: the rules in force. */
  draft: z.string().max(60_000).optional(),
  days: z.int().min(1).max(90).default(7),
})

export const replayLineSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('changed'),
    session: z.string(),
    at: timeSchema,
    ms: z.number(),
    person: z.string(),
    target: z.string(),
    text: z.string(),
    before: judgementSchema.pick({ verdict: true, rule: true }),
    after: judgementSchema.pick({ verdict: true, rule: true, message: true }),
  }),
  z.object({ type: z.literal('progress'), sessions: z.number(), of: z.number(), commands: z.number() }),
  z.object({
    type: z.literal('done'),
    sessions: z.number(),
    commands: z.number(),
    /** Commands by what became of them: `allow to hold`. */
    changed: z.record(z.string(), z.number()),
    /** What could not be evaluated again: detached texts, targets that no longer exist, recordings that cannot be read. */
    notJudged: z.number(),
    /** More changed than is shown. */
    cut: z.boolean(),
  }),
])
export type ReplayLine = z.output<typeof replayLineSchema>
