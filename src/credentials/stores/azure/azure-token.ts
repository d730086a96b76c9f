import type { Clock } from '../../../shared/clock.ts'
import type { SecretReference } from '../../secret-reference.ts'
import { askStore, headerToken, isSuccess, refusedBy, type SendRequest, type StoreAnswer } from '../ask-store.ts'
import { own, secondsOf, StoreFailure } from '../store.ts'

/** What the gateway signs in to Microsoft Entra ID with. */
export type AzureAuth =
  /** AKS and others: a token of the platform, in a file that the environment names. */
  | { readonly type: 'workload' }
  /** The identity of the machine, or one that is assigned to it by client id. */
  | { readonly type: 'managed'; readonly clientId?: string | undefined }
  | {
      readonly type: 'client-secret'
      readonly tenant: string
      readonly clientId: string
      readonly clientSecret: SecretReference
    }

export interface AzureParts {
  readonly auth: AzureAuth
  /** Of Entra ID; default: the public cloud's. */
  readonly authority: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly secretOf: (reference: SecretReference) => string
  readonly readFile: (path: string) => string
  readonly clock: Clock
  readonly send: SendRequest
}

/** Access tokens of Microsoft Entra ID for one resource, such as `https://vault.azure.net`, kept until shortly before they end. */
export class AzureTokens {
  readonly #resource: string
  readonly #parts: AzureParts
  #current: { readonly text: string; readonly until: number } | undefined

  constructor(resource: string, parts: AzureParts) {
    this.#resource = resource
    this.#parts = parts
  }

  /** Throws StoreFailure. */
  async token(): Promise<string> {
    const now = this.#parts.clock.now()
    if (this.#current !== undefined && this.#current.until - RENEW_BEFORE_MS > now) return this.#current.text
    const { status, json } = await this.#ask()
    if (!isSuccess(status)) throw new StoreFailure('store', `gives no token: Entra ID ${refusedBy(status).message}`)
    const text = headerToken(own(json, 'access_token'), 'the access token')
    const said = own(json, 'expires_in')
    // The metadata service writes the number as a string.
    const lasts = secondsOf(typeof said === 'string' && /^\d{1,9}$/.test(said) ? Number(said) : said)
    if (lasts === undefined || lasts === 0) throw new StoreFailure('store', 'gave a token that has already expired')
    this.#current = { text, until: now + lasts }
    return text
  }

  #ask(): Promise<StoreAnswer> {
    const { auth, environment, readFile, secretOf } = this.#parts
    switch (auth.type) {
      case 'workload': {
        const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: clientId, AZURE_FEDERATED_TOKEN_FILE: file } = environment
        if (tenant === undefined || clientId === undefined || file === undefined)
          throw new StoreFailure(
            'store',
            'has no identity: AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE are not all set',
          )
        return this.#fromEntra(tenant, {
          client_id: clientId,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: readFile(file).trim(),
        })
      }
      case 'client-secret':
        return this.#fromEntra(auth.tenant, { client_id: auth.clientId, client_secret: secretOf(auth.clientSecret) })
      case 'managed':
        return this.#fromMachine(auth.clientId)
    }
  }

  /** RFC 6749 section 4.4, as learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow has it. */
  #fromEntra(tenant: string, credential: Readonly<Record<string, string>>): Promise<StoreAnswer> {
    const { environment, send } = this.#parts
    const authority =
      this.#parts.authority ?? environment['AZURE_AUTHORITY_HOST'] ?? 'https://login.microsoftonline.com'
    if (!authority.startsWith('https://') || !/^[A-Za-z0-9.-]{1,100}$/.test(tenant))
      throw new StoreFailure('store', 'has no usable authority or tenant')
    return askStore(
      {
        url: `${authority.replace(/\/$/, '')}/${tenant}/oauth2/v2.0/token`,
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          scope: `${this.#resource}/.default`,
          ...credential,
        }).toString(),
      },
      send,
    )
  }

  /** App Service where its variables are set, otherwise the instance: learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token. */
  #fromMachine(clientId: string | undefined): Promise<StoreAnswer> {
    const { environment, send } = this.#parts
    const { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: header } = environment
    const isService = endpoint !== undefined && header !== undefined
    const url = new URL(isService ? endpoint : 'http://169.254.169.254/metadata/identity/oauth2/token')
    url.searchParams.set('api-version', isService ? '2019-08-01' : '2018-02-01')
    url.searchParams.set('resource', this.#resource)
    if (clientId !== undefined) url.searchParams.set('client_id', clientId)
    const headers: Record<string, string> = isService ? { 'x-identity-header': header } : { metadata: 'true' }
    return askStore({ url: url.href, headers, deadline: METADATA_MS, maxBytes: METADATA_BYTES }, send)
  }
}

const METADATA_MS = 3000
const METADATA_BYTES = 65_536
const RENEW_BEFORE_MS = 300_000
