import { z } from 'zod'
import { grantSchema, requestSchema, targetSchema } from '../api/schemas/access.ts'
import { breakGlassSchema } from '../api/schemas/break-glass.ts'
import { pageOf } from '../api/schemas/common.ts'
import { deliveriesSchema } from '../api/schemas/delivery.ts'
import { discoverySchema, tokenSchema, webSessionSchema, whoamiSchema } from '../api/schemas/identity.ts'
import { lockSchema } from '../api/schemas/lock.ts'
import { numbersSchema } from '../api/schemas/numbers.ts'
import { creationOptionsSchema, passkeySchema, passkeysSchema, requestOptionsSchema } from '../api/schemas/passkey.ts'
import { draftSchema, explanationSchema, replayLineSchema, rulesSchema, trialSchema } from '../api/schemas/policy.ts'
import {
  auditEntrySchema,
  auditSchema,
  auditStatusSchema,
  detachedTextSchema,
  foundSchema,
  legalHoldSchema,
  timelineSchema,
  verificationSchema,
} from '../api/schemas/recording.ts'
import { decidedSchema, reviewSchema } from '../api/schemas/review.ts'
import { keysSchema, sessionSchema } from '../api/schemas/session.ts'

/** As the gateway's configuration has them; they become parts of paths, and words of command lines. */
const targetName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'expected the name of a target')
/** Accounts and databases are written to files and handed to programs: control characters would end a line there. */
const plain = z.string().regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, 'expected text without control characters')

/** Ids become names of files, and words of command lines that people are told to type. */
const id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'expected an id')
const grant = grantSchema.extend({ id })
const lock = lockSchema.extend({ id })
const breakGlass = breakGlassSchema.extend({ id })
const request = requestSchema.extend({ id })
const review = reviewSchema.extend({ id })
const session = sessionSchema.extend({ id })

/** As the record whose hash is computed: what is not there has no key. */
const auditEntry = auditEntrySchema.extend({
  data: z.record(z.string(), z.json()),
  key: z.string().exactOptional(),
  signature: z.string().exactOptional(),
})

/** What each route answers, or each line of its answer. Fields that are not listed are left out. */
export const answerSchemas = {
  // Gateways up to 0.2 do not list issuers; one of another version of the API says that, and perhaps little else.
  discovery: discoverySchema.partial({ issuers: true, version: true, tunnel: true, scopes: true }),
  token: tokenSchema,
  webSession: webSessionSchema,
  whoami: whoamiSchema,
  targets: pageOf(targetSchema.extend({ name: targetName, accounts: z.array(plain), database: plain.optional() })),
  explanation: explanationSchema,
  rules: rulesSchema,
  trial: trialSchema,
  draft: draftSchema,
  replayLine: replayLineSchema,
  request,
  requests: pageOf(request),
  review,
  reviews: pageOf(review),
  decided: decidedSchema.extend({ review }),
  passkeyRequest: requestOptionsSchema,
  passkeyCreation: creationOptionsSchema,
  passkey: passkeySchema,
  passkeys: passkeysSchema,
  grant,
  grants: pageOf(grant),
  lock,
  locks: pageOf(lock),
  breakGlass,
  breakGlasses: pageOf(breakGlass),
  session,
  sessions: pageOf(session),
  timeline: timelineSchema,
  verification: verificationSchema,
  detachedText: detachedTextSchema,
  legalHold: legalHoldSchema,
  found: foundSchema,
  // Gateways up to 0.2 do not say whose the subjects are.
  audit: auditSchema.partial({ subjects: true }).extend({ items: z.array(auditEntry) }),
  auditStatus: auditStatusSchema,
  numbers: numbersSchema,
  deliveries: deliveriesSchema,
  keys: keysSchema,
  nothing: z.object({}),
} satisfies Readonly<Record<string, z.ZodType>>

export type Answers = { readonly [Name in keyof typeof answerSchemas]: z.output<(typeof answerSchemas)[Name]> }
export type AnswerName = keyof Answers
