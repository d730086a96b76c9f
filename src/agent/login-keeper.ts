import { readFileSync } from 'node:fs'
import type { JWK } from 'jose'
import { answerReader } from '../gateway-client/answer-reader.ts'
import { createApiClient } from '../gateway-client/api-client.ts'
import { fetchWithCa } from '../shared/fetch-with-ca.ts'
import { httpCall, type HttpCall } from '../shared/http-call.ts'
import { refreshSignIn, revokeSignIn } from '../gateway-client/login.ts'
import { issuerFetch, issuersOf } from '../gateway-client/sign-in-issuers.ts'
import type { Prover } from '../gateway-client/prover.ts'
import type { Token } from '../api/schemas/identity.ts'
import { systemClock, type Clock } from '../shared/clock.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import { fileProblem } from '../shared/file-problem.ts'

/** How a new identity token is obtained. */
export type IdentitySource =
  | { readonly kind: 'person'; readonly issuer: string; readonly clientId: string; refreshToken: string | undefined }
  | { readonly kind: 'service'; readonly token: string | undefined; readonly tokenFile: string | undefined }

export interface KeptLogin {
  readonly gateway: string
  /** A private certificate authority, in PEM. */
  readonly ca: string | undefined
  readonly source: IdentitySource
  readonly prover: Prover
}

/** What is stored of a person's login. */
export interface StoredLogin {
  readonly gateway: string
  readonly ca?: string
  readonly issuer: string
  readonly clientId: string
  readonly refreshToken?: string
  readonly key: JWK
  readonly label: string
}

export interface LoginEvents {
  store(refreshToken: string | undefined): void
  /** The login has ended: the provider or the gateway rejected it. */
  lost(error: PamError): void
  /** A message for the user while something is connected. */
  notice(message: string): void
  /** The identity has been verified, again or for the first time. */
  proven(): void
}

export interface ProofTiming {
  readonly clock: Clock
  /** A number from 0 to 1, so that agents which lost their provider together do not come back together. */
  readonly random: () => number
  /** Milliseconds to wait for one answer of the provider or the gateway. */
  readonly answerMs: number
  /** Milliseconds that a call waits for a new proof while the last one is still valid. */
  readonly patienceMs: number
}

/**
 * One login at one gateway: holds the key and the gateway's access token, renews the token in time, and verifies the identity again while
 * the login is in use. Nobody else uses its refresh tokens, since each works once.
 *
 * The first attempt is early enough that a slow or briefly unreachable provider ends no session: an attempt that fails without being
 * rejected is repeated with growing delays until the gateway's limit. A rejection ends the login at once.
 */
export class LoginKeeper {
  readonly login: KeptLogin
  readonly #fetch: typeof fetch
  readonly #events: LoginEvents
  readonly #timing: ProofTiming
  #token: Token | undefined
  #provenAt = 0
  readonly #call: HttpCall
  readonly #callInTime: HttpCall
  #issuerFetch: Promise<typeof fetch> | undefined
  #proving: Promise<Token> | undefined
  #failures = 0
  #hasWarned = false
  #isKeeping = false
  #cancel: () => void = () => {}

  constructor(login: KeptLogin, events: LoginEvents, timing: Partial<ProofTiming> = {}) {
    this.login = login
    this.#fetch = fetchWithCa(login.ca)
    this.#events = events
    this.#timing = { ...TIMING, ...timing }
    const { answerMs } = this.#timing
    this.#call = httpCall(login.ca)
    this.#callInTime = (url, request) => this.#call(url, { ...request, signal: AbortSignal.timeout(answerMs) })
  }

  get person(): Token['person'] | undefined {
    return this.#token?.person
  }

  /** Exchanges an identity token for the gateway's own. */
  async exchange(identityToken: string): Promise<Token> {
    const { gateway, prover } = this.login
    const api = createApiClient({
      gateway,
      fetch: this.#callInTime,
      authorize: async (method, url) => ({ dpop: await prover.prove(method, url) }),
      answers: answerReader(),
    })
    this.#token = await api.token(identityToken).catch((error: unknown) => {
      const reason = asPamError(error)
      throw this.login.source.kind === 'service' && isFinal(reason) ? serviceError(reason) : reason
    })
    this.#provenAt = this.#now()
    this.#failures = 0
    if (this.#hasWarned) this.#events.notice('your identity is verified again; open connections continue')
    this.#hasWarned = false
    this.#events.proven()
    return this.#token
  }

  /** Verified as recently as the gateway asks, by this machine's own clock. */
  get isProven(): boolean {
    return this.#token !== undefined && this.#now() - this.#provenAt < this.#token.reproof
  }

  /**
   * Headers for one call that nobody has asked for: it must not prolong a sign-in.
   * @throws PamError (IDENTITY_LOST) where the identity would have to be verified again first
   */
  async authorizeAsProven(method: string, url: string): Promise<Readonly<Record<string, string>>> {
    if (!this.isProven) throw new PamError('IDENTITY_LOST', 'your identity has to be verified again')
    this.#checkOrigin(url)
    return this.#authorizeAsIs(method, url)
  }

  /**
   * Headers for one call; first verifies the identity again where the access token is about to expire. Token and proof are bound to this
   * gateway, whoever asks.
   */
  async authorize(method: string, url: string): Promise<Readonly<Record<string, string>>> {
    this.#checkOrigin(url)
    let token = this.#token
    if (token === undefined || Date.parse(token.expiresAt) - this.#now() < EXPIRY_MARGIN_MS) token = await this.#prove()
    else if (this.#isDue(token)) token = await this.#proveIfPossible(token)
    return {
      authorization: `DPoP ${token.accessToken}`,
      dpop: await this.login.prover.prove(method, url, token.accessToken),
    }
  }

  #checkOrigin(url: string): void {
    const { gateway } = this.login
    if (new URL(url).origin !== new URL(gateway).origin)
      throw new PamError('USAGE', `this login is for ${gateway}, and the call is for another gateway`)
  }

  get isKeepingProven(): boolean {
    return this.#isKeeping
  }

  /** While something is connected, the identity is verified again as often as the gateway demands. */
  keepProven(): void {
    if (this.#isKeeping) return
    this.#isKeeping = true
    this.#scheduleProof()
  }

  stopProving(): void {
    this.#isKeeping = false
    this.#cancel()
  }

  /** Signs out at gateway and provider. The login is forgotten even where they cannot be reached. */
  async logout(): Promise<void> {
    this.stopProving()
    const { source, gateway } = this.login
    const api = createApiClient({
      gateway,
      fetch: this.#call,
      authorize: (method, url) => this.#authorizeAsIs(method, url),
      answers: answerReader(),
    })
    await api.logout().catch(() => {})
    if (source.kind === 'person' && source.refreshToken !== undefined) {
      const { refreshToken } = source
      await (this.#issuerFetch ?? this.#discoverIssuerFetch())
        .then((fetch) => revokeSignIn(refreshToken, { ...source, fetch }))
        .catch(() => {})
    }
  }

  #now(): number {
    return this.#timing.clock.now()
  }

  /** When the gateway ends the open connections, unless it receives a proof before. */
  #limit(): number {
    return Date.parse(this.#token?.provenUntil ?? '') || this.#provenAt + (this.#token?.reproof ?? DEFAULT_REPROOF_MS)
  }

  #isDue(token: Token): boolean {
    return this.#now() - this.#provenAt > token.reproof * 0.9
  }

  #scheduleProof(): void {
    this.#cancel()
    this.#cancel = this.#timing.clock.at(this.#nextProofAt(), () => void this.#proveOnTime())
  }

  #nextProofAt(): number {
    const now = this.#now()
    const jitter = 0.8 + 0.2 * this.#timing.random()
    if (this.#failures === 0) {
      const every = (this.#token?.reproof ?? DEFAULT_REPROOF_MS) * 0.6 * jitter
      return Math.max(now, Math.min(this.#provenAt + every, now + (this.#limit() - now) / 2))
    }
    const left = this.#limit() - now
    const backoff = Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), MAX_RETRY_MS)
    // Not so rarely that the limit passes between two attempts.
    return now + jitter * (left <= 0 ? MAX_RETRY_MS : Math.max(Math.min(backoff, left / 3), MIN_RETRY_MS))
  }

  async #proveOnTime(): Promise<void> {
    try {
      await this.#prove()
    } catch (error) {
      this.#warn(asPamError(error))
    }
    if (this.#isKeeping) this.#scheduleProof()
  }

  /** Warns once per outage of the provider, while there is time left to act. */
  #warn(reason: PamError): void {
    const limit = this.#limit()
    const left = limit - this.#now()
    if (!this.#isKeeping || this.#hasWarned || this.#failures < 2 || left > WARN_AHEAD_MS || left <= 0) return
    this.#hasWarned = true
    const at = new Date(limit).toTimeString().slice(0, 8)
    this.#events.notice(
      `cannot verify your identity again (${reason.message}); open connections end at ${at} unless this succeeds`,
    )
  }

  /** During a short outage the last proof is used as long as the gateway accepts it, and the call does not wait. */
  async #proveIfPossible(known: Token): Promise<Token> {
    const proving = this.#prove().catch((error: unknown) => {
      if (isFinal(asPamError(error))) throw error
      return known
    })
    if (this.#limit() <= this.#now()) return proving
    let cancel = (): void => {}
    const patience = new Promise<Token>((resolve) => {
      cancel = this.#timing.clock.at(this.#now() + this.#timing.patienceMs, () => resolve(known))
    })
    proving.catch(() => {}) // told to whoever calls next, when it comes too late for this one
    return Promise.race([proving, patience]).finally(() => cancel())
  }

  #prove(): Promise<Token> {
    this.#proving ??= this.#identityToken()
      .then((identityToken) => this.exchange(identityToken))
      .catch((error: unknown) => {
        const reason = asPamError(error)
        this.#failures++
        if (isFinal(reason)) this.#failed(reason)
        throw reason
      })
      .finally(() => (this.#proving = undefined))
    return this.#proving
  }

  async #identityToken(): Promise<string> {
    const { source } = this.login
    if (source.kind === 'service') return serviceToken(source)
    if (source.refreshToken === undefined)
      throw new PamError('NOT_SIGNED_IN', 'the sign-in has ended', { hint: 'sign in again: pamctl login' })
    this.#issuerFetch ??= this.#discoverIssuerFetch()
    const { refreshToken } = source
    const next = await this.#issuerFetch
      .then((issuerFetch) =>
        refreshSignIn(refreshToken, { ...source, fetch: issuerFetch, timeoutMs: this.#timing.answerMs }),
      )
      .catch((error: unknown) => {
        // Its certificate authority may have been replaced.
        this.#issuerFetch = undefined
        throw error
      })
    source.refreshToken = next.refreshToken ?? source.refreshToken
    // Stored before it is used: the old one no longer works.
    this.#events.store(source.refreshToken)
    return next.identityToken
  }

  /** Calls the issuer of this login as the gateway says. */
  async #discoverIssuerFetch(): Promise<typeof fetch> {
    const { gateway, source, prover } = this.login
    const discovery = await createApiClient({ gateway, fetch: this.#callInTime, answers: answerReader() }).discover()
    const known = issuersOf(discovery).find(({ issuer }) => source.kind === 'person' && issuer === source.issuer)
    return known === undefined
      ? this.#fetch
      : issuerFetch(known, this.#fetch, (method, url) => prover.prove(method, url))
  }

  #failed(error: PamError): void {
    this.stopProving()
    // Tells the gateway at once, so that it ends the sessions of this login.
    const { gateway } = this.login
    const api = createApiClient({
      gateway,
      fetch: this.#call,
      authorize: (method, url) => this.#authorizeAsIs(method, url),
      answers: answerReader(),
    })
    void api.logout().catch(() => {})
    this.#events.lost(error)
  }

  async #authorizeAsIs(method: string, url: string): Promise<Readonly<Record<string, string>>> {
    const accessToken = this.#token?.accessToken
    if (accessToken === undefined) throw new PamError('NOT_SIGNED_IN', 'there is no access token')
    return { authorization: `DPoP ${accessToken}`, dpop: await this.login.prover.prove(method, url, accessToken) }
  }
}

/** The service's current token: its file may have been rewritten. */
export function serviceToken(source: { token: string | undefined; tokenFile: string | undefined }): string {
  if (source.tokenFile === undefined) return needToken(source.token ?? '', 'PAMCTL_TOKEN')
  let text: string
  try {
    text = readFileSync(source.tokenFile, 'utf8')
  } catch (error) {
    throw new PamError('NOT_SIGNED_IN', `--token-file: ${fileProblem(source.tokenFile, error)}`, {
      hint: 'check that your CI provider writes it and that this user can read it',
      cause: error,
    })
  }
  return needToken(text.trim(), source.tokenFile)
}

/** A JWT in compact form (RFC 7515, section 7.1): anything else may be another secret, and is not sent. */
function needToken(token: string, place: string): string {
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) && token.length <= MAX_TOKEN_LENGTH) return token
  const what = token === '' ? 'is empty' : 'does not hold an identity token (a signed JWT)'
  throw new PamError('TOKEN_INVALID', `${place} ${what}`, {
    hint: 'request a token from your CI provider, for the audience of this gateway',
  })
}

/** A service cannot sign in again: it needs another token. Of a used one the gateway knows by whom it was used, and says what helps. */
const serviceError = ({ code, message, hint, id }: PamError): PamError =>
  new PamError(code, message, {
    hint:
      code === 'TOKEN_USED' && hint !== undefined
        ? hint
        : 'request a new token from your CI provider (PAMCTL_TOKEN, --token-file)',
    ...(id === undefined ? {} : { id }),
  })

/** Whether it was rejected, so that another attempt is useless; a missing answer is no rejection. */
const isFinal = ({ code }: PamError): boolean => FINAL.has(code)

const FINAL = new Set<string>([
  'NOT_SIGNED_IN',
  'TOKEN_INVALID',
  'TOKEN_EXPIRED',
  'TOKEN_USED',
  'KEY_SIGNED_OUT',
  'ISSUER_UNTRUSTED',
  'SIGN_IN_DENIED',
  'ACCOUNT_DISABLED',
])
/** Characters that the gateway accepts. */
const MAX_TOKEN_LENGTH = 20_000
const EXPIRY_MARGIN_MS = 60_000
const FIRST_RETRY_MS = 2000
const MIN_RETRY_MS = 500
const MAX_RETRY_MS = 30_000
const WARN_AHEAD_MS = 120_000
const TIMING: ProofTiming = { clock: systemClock, random: Math.random, answerMs: 30_000, patienceMs: 5000 }
const DEFAULT_REPROOF_MS = 300_000
