import { readFileSync } from 'node:fs'
import type { JWK } from 'jose'
import { createApiClient } from '../gateway-client/api-client.ts'
import { fetchWithCa } from '../shared/fetch-with-ca.ts'
import { refreshSignIn, revokeSignIn } from '../gateway-client/login.ts'
import type { Prover } from '../gateway-client/prover.ts'
import type { Token } from '../api/schemas/identity.ts'
import { asPamError, PamError } from '../shared/errors.ts'

/** How a new identity token is come by. */
export type IdentitySource =
  | { readonly kind: 'person'; readonly issuer: string; readonly clientId: string; refreshToken: string | undefined }
  | { readonly kind: 'service'; readonly token: string | undefined; readonly tokenFile: string | undefined }

export interface KeptLogin {
  readonly gateway: string
  /** PEM of a private authority. */
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

/**
 * One login at one gateway: holds the key and the gateway's access token, gets new ones in time, and proves the
 * identity again while it is in use. Refresh tokens are used by nobody else, since each works once.
 */
export class LoginKeeper {
  readonly login: KeptLogin
  readonly #fetch: typeof fetch
  readonly #store: (refreshToken: string | undefined) => void
  readonly #lost: (error: PamError) => void
  #token: Token | undefined
  #provenAt = 0
  #proving: Promise<Token> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(
    login: KeptLogin,
    events: { store: (refreshToken: string | undefined) => void; lost: (error: PamError) => void },
  ) {
    this.login = login
    this.#fetch = fetchWithCa(login.ca)
    this.#store = events.store
    this.#lost = events.lost
  }

  get person(): Token['person'] | undefined {
    return this.#token?.person
  }

  /** Exchanges an identity token for the gateway's own. */
  async exchange(identityToken: string): Promise<Token> {
    const { gateway, prover } = this.login
    const api = createApiClient({
      gateway,
      fetch: this.#fetch,
      authorize: async (method, url) => ({ dpop: await prover.prove(method, url) }),
    })
    this.#token = await api.token(identityToken)
    this.#provenAt = Date.now()
    return this.#token
  }

  /**
   * Headers for one call; proves the identity again first where the access token is about to end. A token and a proof are for the
   * gateway that they were made for, whoever asks.
   */
  async authorize(method: string, url: string): Promise<Readonly<Record<string, string>>> {
    const { gateway } = this.login
    if (new URL(url).origin !== new URL(gateway).origin)
      throw new PamError('USAGE', `this login is for ${gateway}, and the call is for another gateway`)
    let token = this.#token
    if (token === undefined || Date.parse(token.expiresAt) - Date.now() < EXPIRY_MARGIN) token = await this.#prove()
    else if (this.#isDue(token)) token = await this.#proveIfPossible(token)
    return {
      authorization: `DPoP ${token.accessToken}`,
      dpop: await this.login.prover.prove(method, url, token.accessToken),
    }
  }

  /** While something is connected the identity is proven again as often as the gateway asks. */
  keepProven(): void {
    if (this.#timer !== undefined) return
    const every = this.#token?.reproof ?? DEFAULT_REPROOF
    this.#timer = setInterval(
      () => void this.#prove().catch((error: unknown) => this.#failed(asPamError(error))),
      every * 0.8,
    )
  }

  stopProving(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Signs out everywhere; what cannot be reached is forgotten all the same. */
  async logout(): Promise<void> {
    this.stopProving()
    const { source, gateway } = this.login
    const api = createApiClient({
      gateway,
      fetch: this.#fetch,
      authorize: (method, url) => this.#authorizeAsIs(method, url),
    })
    await api.logout().catch(() => {})
    if (source.kind === 'person' && source.refreshToken !== undefined) {
      const { refreshToken } = source
      await this.#issuerFetch()
        .then((fetch) => revokeSignIn(refreshToken, { ...source, fetch }))
        .catch(() => {})
    }
  }

  #isDue(token: Token): boolean {
    return Date.now() - this.#provenAt > token.reproof * 0.9
  }

  /** Where nobody answers for a moment, the last proof holds as long as the gateway takes it. */
  async #proveIfPossible(known: Token): Promise<Token> {
    try {
      return await this.#prove()
    } catch (error) {
      if (isFinal(asPamError(error))) throw error
      return known
    }
  }

  #prove(): Promise<Token> {
    this.#proving ??= this.#identityToken()
      .then((identityToken) => this.exchange(identityToken))
      .catch((error: unknown) => {
        const reason = asPamError(error)
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
    const next = await refreshSignIn(source.refreshToken, { ...source, fetch: await this.#issuerFetch() })
    source.refreshToken = next.refreshToken ?? source.refreshToken
    // Kept before it is needed: the old one does not work any more.
    this.#store(source.refreshToken)
    return next.identityToken
  }

  /** Trusts what the gateway says the identity provider is signed by, asked each time: authorities are replaced. */
  async #issuerFetch(): Promise<typeof fetch> {
    const { issuerCa } = await createApiClient({ gateway: this.login.gateway, fetch: this.#fetch }).discover()
    return issuerCa === undefined ? this.#fetch : fetchWithCa(issuerCa)
  }

  #failed(error: PamError): void {
    if (!isFinal(error)) return // a network that is away for a moment: the next proof may succeed
    this.stopProving()
    // The gateway learns it at once, so that it ends what this login carries there.
    const { gateway } = this.login
    const api = createApiClient({
      gateway,
      fetch: this.#fetch,
      authorize: (method, url) => this.#authorizeAsIs(method, url),
    })
    void api.logout().catch(() => {})
    this.#lost(error)
  }

  async #authorizeAsIs(method: string, url: string): Promise<Readonly<Record<string, string>>> {
    const accessToken = this.#token?.accessToken
    if (accessToken === undefined) throw new PamError('NOT_SIGNED_IN', 'there is no access token')
    return { authorization: `DPoP ${accessToken}`, dpop: await this.login.prover.prove(method, url, accessToken) }
  }
}

/** The service's token as it is now: a file may have been renewed. */
export function serviceToken(source: { token: string | undefined; tokenFile: string | undefined }): string {
  if (source.tokenFile === undefined) return source.token ?? ''
  try {
    return readFileSync(source.tokenFile, 'utf8').trim()
  } catch (error) {
    throw new PamError('NOT_SIGNED_IN', `the token file ${source.tokenFile} cannot be read`, { cause: error })
  }
}

/** Another try does not mend it: somebody said no, and it is not that somebody did not answer. */
const isFinal = ({ code, side }: PamError): boolean => FINAL.has(code) && side !== 'upstream'

const FINAL = new Set<string>([
  'NOT_SIGNED_IN',
  'TOKEN_INVALID',
  'TOKEN_EXPIRED',
  'TOKEN_USED',
  'ISSUER_UNTRUSTED',
  'SIGN_IN_DENIED',
])
const EXPIRY_MARGIN = 60_000
const DEFAULT_REPROOF = 300_000
