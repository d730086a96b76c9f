import { z } from 'zod'
import { personSchema, timeSchema } from './common.ts'

/** Who signs in people, for pamctl. */
const signInIssuerSchema = z.object({
  /** By which people choose one. */
  name: z.string(),
  issuer: z.url(),
  clientId: z.string(),
  /** PEM of its authority, where that is a private one. */
  issuerCa: z.string().optional(),
  scopes: z.array(z.string()),
  /** Mail domains whose people sign in here. */
  domains: z.array(z.string()),
  /** The gateway itself, for people who sign in with SAML: every request to it proves the key of its caller (RFC 9449). */
  isGateway: z.boolean(),
})
export type SignInIssuer = z.output<typeof signInIssuerSchema>

/** GET /.well-known/pam-gateway: what a client must know before anybody has signed in. */
export const discoverySchema = z.object({
  gateway: z.url(),
  version: z.string(),
  /** The name that people are shown before they sign in. */
  organization: z.string().optional(),
  api: z.array(z.string()),
  tunnel: z.array(z.string()),
  issuer: z.url().optional(),
  clientId: z.string().optional(),
  /** PEM of the authority of the issuer, where it is a private one. */
  issuerCa: z.string().optional(),
  scopes: z.array(z.string()),
  /** All of them; the first is the one that is named above. */
  issuers: z.array(signInIssuerSchema),
})

export const tokenRequestSchema = z.strictObject({ identityToken: z.string().max(20_000) })

export const tokenSchema = z.object({
  accessToken: z.string(),
  tokenType: z.literal('DPoP'),
  expiresAt: timeSchema,
  login: z.string(),
  person: personSchema.extend({ groups: z.array(z.string()) }),
  authTime: timeSchema.optional(),
  /** Sessions of this login end then, unless the identity is proven again before. */
  provenUntil: timeSchema,
  /** Milliseconds after which the identity should be proven again. */
  reproof: z.number(),
})
export type Token = z.output<typeof tokenSchema>

export const whoamiSchema = z.object({
  person: personSchema.extend({ groups: z.array(z.string()) }),
  login: z.string(),
  provenUntil: timeSchema,
  signedInAt: timeSchema.optional(),
  roles: z.array(z.string()),
})
export type Whoami = z.output<typeof whoamiSchema>

/** What a page needs to know of the session of its browser. */
export const webSessionSchema = z.object({
  /** Goes with every change, in the header `pam-csrf`. */
  csrf: z.string(),
  /** Milliseconds after which the session ends in which nothing is done. */
  idleMs: z.number(),
  endsAt: timeSchema,
})
export type WebSession = z.output<typeof webSessionSchema>
