import { createPrivateKey, sign, type KeyObject } from 'node:crypto'
import type { Clock } from '../../../shared/clock.ts'
import { askStore, headerToken, isSuccess, refusedBy, type SendRequest, type StoreAnswer } from '../ask-store.ts'
import { own, parseObject, secondsOf, StoreFailure } from '../store.ts'

export interface GoogleParts {
  /** A service account's key in JSON; without it the machine's service account is asked for at the metadata server. */
  readonly keyFile: (() => string) | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly send: SendRequest
}

interface Token {
  readonly text: string
  /** Milliseconds since the epoch. */
  readonly until: number
}

/** Access tokens of Google Cloud, kept until shortly before they end. */
export class GoogleTokens {
  readonly #parts: GoogleParts
  readonly #tokens = new Map<string, Token>()

  constructor(parts: GoogleParts) {
    this.#parts = parts
  }

  /** A token for one of Google's scopes. Throws StoreFailure. */
  async token(scope: string): Promise<string> {
    const known = this.#tokens.get(scope)
    const now = this.#parts.clock.now()
    if (known !== undefined && known.until - RENEW_BEFORE_MS > now) return known.text
    const { keyFile } = this.#parts
    const answer = await (keyFile === undefined ? this.#fromMachine(scope) : this.#byKey(keyFile(), scope))
    if (!isSuccess(answer.status))
      throw new StoreFailure('store', `gives no token: Google ${refusedBy(answer.status).message}`)
    const text = headerToken(own(answer.json, 'access_token'), 'the access token')
    const lasts = secondsOf(own(answer.json, 'expires_in'))
    if (lasts === undefined || lasts === 0) throw new StoreFailure('store', 'gave a token that has already expired')
    this.#tokens.set(scope, { text, until: now + lasts })
    return text
  }

  /** Compute Engine, GKE (Workload Identity Federation too), Cloud Run: cloud.google.com/compute/docs/access/authenticate-workloads. */
  #fromMachine(scope: string): Promise<StoreAnswer> {
    const host = this.#parts.environment['GCE_METADATA_HOST'] ?? 'metadata.google.internal'
    const path = '/computeMetadata/v1/instance/service-accounts/default/token'
    const headers = { 'metadata-flavor': 'Google' }
    const url = `http://${host}${path}?scopes=${encodeURIComponent(scope)}`
    return askStore({ url, headers, deadline: METADATA_MS, maxBytes: METADATA_BYTES }, this.#parts.send)
  }

  /** RFC 7523 section 2.1, as developers.google.com/identity/protocols/oauth2/service-account has it. */
  #byKey(json: string, scope: string): Promise<StoreAnswer> {
    const { email, key, tokenUrl } = serviceAccount(json)
    const now = Math.floor(this.#parts.clock.now() / 1000)
    const claims = { iss: email, scope, aud: tokenUrl, iat: now, exp: now + 600 }
    const signed = [{ alg: 'RS256', typ: 'JWT' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    const assertion = `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`
    const body = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion,
    }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    return askStore({ url: tokenUrl, method: 'POST', headers, body }, this.#parts.send)
  }
}

interface ServiceAccount {
  readonly email: string
  readonly key: KeyObject
  readonly tokenUrl: string
}

function serviceAccount(json: string): ServiceAccount {
  const file = parseObject(json)
  const [email, pem, tokenUrl] = ['client_email', 'private_key', 'token_uri'].map((name) => own(file, name))
  if (own(file, 'type') !== 'service_account' || typeof email !== 'string' || typeof pem !== 'string')
    throw new StoreFailure('store', 'has a key file that is not the key of a service account')
  if (typeof tokenUrl !== 'string' || !/^https:\/\/[a-z0-9.-]+\.googleapis\.com\/token$/.test(tokenUrl))
    throw new StoreFailure('store', 'has a key file whose token_uri is not one of Google')
  try {
    return { email, key: createPrivateKey(pem), tokenUrl }
  } catch {
    throw new StoreFailure('store', 'has a key file whose private_key cannot be read')
  }
}

const METADATA_MS = 3000
const METADATA_BYTES = 65_536
const RENEW_BEFORE_MS = 240_000
