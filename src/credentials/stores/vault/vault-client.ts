import type { Clock } from '../../../shared/clock.ts'
import type { SecretReference } from '../../secret-reference.ts'
import { askStore, headerToken, isSuccess, refusedBy, type SendRequest, type StoreAnswer } from '../ask-store.ts'
import { objectOf, own, secondsOf, StoreFailure } from '../store.ts'

/** How HashiCorp Vault or OpenBao is reached, and what the gateway signs in to it with. */
export interface VaultSettings {
  /** Scheme, host and port. */
  readonly address: string
  readonly namespace?: string | undefined
  readonly auth: VaultAuth
  readonly kv: readonly { readonly mount: string; readonly version: 1 | 2 }[]
}

export type VaultAuth =
  | { readonly type: 'token'; readonly token: SecretReference }
  | {
      readonly type: 'approle'
      readonly mount: string
      readonly roleId: SecretReference
      readonly secretId: SecretReference
    }
  | { readonly type: 'kubernetes'; readonly mount: string; readonly role: string; readonly token: SecretReference }

export interface VaultParts {
  /** Reads a secret of the gateway's own machine. */
  readonly secretOf: (reference: SecretReference) => string
  /** PEM of a private authority. */
  readonly ca: string | undefined
  readonly clock: Clock
  readonly send: SendRequest
}

interface Token {
  readonly text: string
  /** When it must be renewed or replaced; Infinity for one that does not end. */
  readonly renewAt: number
  readonly isRenewable: boolean
}

/**
 * Requests to the API of Vault, version 1 (developer.hashicorp.com/vault/api-docs; openbao.org/api-docs has the same). Signs in at the
 * first one, renews the token when two thirds of its time are over, and signs in again where it is no longer accepted.
 */
export class VaultClient {
  readonly settings: VaultSettings
  readonly #parts: VaultParts
  #token: Promise<Token> | undefined
  #stopRenewal = (): void => {}

  constructor(settings: VaultSettings, parts: VaultParts) {
    this.settings = settings
    this.#parts = parts
  }

  /**
   * Sends with the gateway's token. Where that is no longer accepted, it signs in again, once; a token that is good and may not do this stays:
   * what was leased with it ends with it.
   */
  async request(method: 'GET' | 'POST' | 'PUT', path: readonly string[], body?: unknown): Promise<StoreAnswer> {
    const signedIn = this.#current()
    const { text: token } = await signedIn
    const answer = await this.#send(method, path, { token, body })
    if (answer.status !== 403 || (await this.#isAccepted(token))) return answer
    if (this.#token === signedIn) this.close()
    return this.#send(method, path, { token: (await this.#current()).text, body })
  }

  close(): void {
    this.#stopRenewal()
    this.#token = undefined
  }

  async #isAccepted(token: string): Promise<boolean> {
    return isSuccess((await this.#send('GET', ['auth', 'token', 'lookup-self'], { token })).status)
  }

  /** One sign-in for all that wait for it. */
  #current(): Promise<Token> {
    const known = this.#token
    if (known !== undefined) return known
    const signingIn = this.#signIn().then((token) => this.#keep(token))
    this.#token = signingIn
    signingIn.catch(() => {
      if (this.#token === signingIn) this.#token = undefined
    })
    return signingIn
  }

  #keep(token: Token): Token {
    this.#stopRenewal()
    if (token.renewAt !== Infinity)
      this.#stopRenewal = this.#parts.clock.at(token.renewAt, () => void this.#renew(token))
    return token
  }

  /** What cannot be renewed is left out at the next request, which signs in again. */
  async #renew(token: Token): Promise<void> {
    this.#token = undefined
    if (!token.isRenewable) return
    const renewing = this.#send('POST', ['auth', 'token', 'renew-self'], { token: token.text, body: {} })
      .then((answer) => {
        if (!isSuccess(answer.status)) throw refusedBy(answer.status)
        return this.#keep(this.#tokenOf(answer))
      })
      .catch(() => this.#signIn().then((fresh) => this.#keep(fresh)))
    this.#token = renewing
    await renewing.catch(() => {
      if (this.#token === renewing) this.#token = undefined
    })
  }

  async #signIn(): Promise<Token> {
    const { auth } = this.settings
    const { secretOf } = this.#parts
    switch (auth.type) {
      case 'token':
        return this.#lookUp(headerToken(secretOf(auth.token), 'the token for it'))
      case 'approle':
        return this.#logIn(auth.mount, { role_id: secretOf(auth.roleId), secret_id: secretOf(auth.secretId) })
      case 'kubernetes':
        return this.#logIn(auth.mount, { role: auth.role, jwt: secretOf(auth.token) })
    }
  }

  async #logIn(mount: string, body: unknown): Promise<Token> {
    const answer = await this.#send('POST', ['auth', ...mount.split('/'), 'login'], { body })
    if (!isSuccess(answer.status))
      throw new StoreFailure('store', `refuses the sign-in: ${refusedBy(answer.status).message}`)
    return this.#tokenOf(answer)
  }

  /** How long a token that was given lasts. */
  async #lookUp(text: string): Promise<Token> {
    const { status, json } = await this.#send('GET', ['auth', 'token', 'lookup-self'], { token: text })
    if (!isSuccess(status)) throw new StoreFailure('store', `refuses the token: ${refusedBy(status).message}`)
    const data = objectOf(own(json, 'data'))
    const ttl = secondsOf(own(data, 'ttl'))
    if (ttl === undefined) throw new StoreFailure('store', 'does not say how long the token is valid')
    return { text, renewAt: ttl === 0 ? Infinity : this.#renewalOf(ttl), isRenewable: own(data, 'renewable') === true }
  }

  #tokenOf({ json }: StoreAnswer): Token {
    const auth = objectOf(own(json, 'auth'))
    const text = headerToken(own(auth, 'client_token'), 'its token')
    const lasts = secondsOf(own(auth, 'lease_duration'))
    if (lasts === undefined || lasts === 0) throw new StoreFailure('store', 'gave a token that has already expired')
    return { text, renewAt: this.#renewalOf(lasts), isRenewable: own(auth, 'renewable') === true }
  }

  #renewalOf(lasts: number): number {
    return this.#parts.clock.now() + Math.min((lasts * 2) / 3, LONGEST_TOKEN_MS)
  }

  async #send(
    method: 'GET' | 'POST' | 'PUT',
    path: readonly string[],
    { token, body }: { readonly token?: string; readonly body?: unknown },
  ): Promise<StoreAnswer> {
    const { address, namespace } = this.settings
    return askStore(
      {
        url: `${address}/v1/${path.map(encodeURIComponent).join('/')}`,
        method,
        headers: {
          accept: 'application/json',
          'x-vault-request': 'true',
          ...(token === undefined ? {} : { 'x-vault-token': token }),
          ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ca: this.#parts.ca,
        deadline: DEADLINE_MS,
      },
      this.#parts.send,
    )
  }
}

/** A person waits for the connection. */
const DEADLINE_MS = 5000
/** However long a token says that it lasts, it is renewed once a day. */
const LONGEST_TOKEN_MS = 86_400_000
