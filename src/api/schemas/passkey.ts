import { z } from 'zod'
import { timeSchema } from './common.ts'

export const passkeySchema = z.object({
  id: z.string(),
  /** Base64url. */
  credential: z.string(),
  name: z.string(),
  person: z.object({ id: z.string(), label: z.string() }),
  createdAt: timeSchema,
  lastUsedAt: timeSchema.optional(),
  /** Whether it is on other devices of its owner as well. */
  backedUp: z.boolean(),
})
export type Passkey = z.output<typeof passkeySchema>
export const passkeysSchema = z.object({ items: z.array(passkeySchema) })

const base64url = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[\w-]+$/, 'expected base64url')
/** A credential id has at most 1,023 bytes (WebAuthn level 3, section 5.1). */
const credentialId = base64url(1364)

/** What `navigator.credentials.create` gave, as much of its JSON as is read. */
const registrationAnswerSchema = z.strictObject({
  id: credentialId,
  clientDataJSON: base64url(4096),
  attestationObject: base64url(16_384),
  transports: z.array(z.string().regex(/^[a-z-]{1,32}$/)).max(8),
})

/** What `navigator.credentials.get` gave, as much of its JSON as is read. */
export const assertionSchema = z.strictObject({
  id: credentialId,
  clientDataJSON: base64url(4096),
  authenticatorData: base64url(4096),
  signature: base64url(2048),
  userHandle: base64url(86).optional(),
})
export type Assertion = z.output<typeof assertionSchema>

export const newPasskeySchema = z.strictObject({
  name: z.string().trim().min(1).max(64),
  answer: registrationAnswerSchema,
})
export type NewPasskey = z.input<typeof newPasskeySchema>

/** What the authenticator is to sign: the decision, apart from its comment. */
export const newChallengeSchema = z.strictObject({
  lengthMs: z.int().positive().optional(),
  digest: z.string().optional(),
})

const descriptorsSchema = z.array(
  z.object({ type: z.literal('public-key'), id: z.string(), transports: z.array(z.string()) }),
)

/** Options for `navigator.credentials.create`: PublicKeyCredentialCreationOptionsJSON (WebAuthn level 3, section 5.1.8). */
export const creationOptionsSchema = z.object({
  rp: z.object({ id: z.string(), name: z.string() }),
  user: z.object({ id: z.string(), name: z.string(), displayName: z.string() }),
  challenge: z.string(),
  pubKeyCredParams: z.array(z.object({ type: z.literal('public-key'), alg: z.number() })),
  timeout: z.number(),
  excludeCredentials: descriptorsSchema,
  authenticatorSelection: z.object({ residentKey: z.literal('preferred'), userVerification: z.literal('required') }),
  attestation: z.literal('none'),
})
export type CreationOptions = z.output<typeof creationOptionsSchema>

/** Options for `navigator.credentials.get`: PublicKeyCredentialRequestOptionsJSON (section 5.1.9). */
export const requestOptionsSchema = z.object({
  rpId: z.string(),
  challenge: z.string(),
  timeout: z.number(),
  allowCredentials: descriptorsSchema,
  userVerification: z.literal('required'),
})
export type RequestOptions = z.output<typeof requestOptionsSchema>

export const removalSchema = z.strictObject({ person: z.string().min(1).max(300), reason: z.string().max(1000) })
