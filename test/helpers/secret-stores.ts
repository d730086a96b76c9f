import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { crc32c } from './crc32c.ts'

/**
 * Stand-ins for HashiCorp Vault (and OpenBao), AWS, Google Cloud and Azure on one port of the loopback: the clouds cannot run here, and a test that breaks a store needs none that is real. They are
 * written from the requests and answers that the documentation of each shows, and check what a real one would: the token, the namespace, that
 * a request is signed. What they do beyond that is not what the real ones do.
 */
export class StandInStores {
  readonly #server = createServer((request, response) => this.#serve(request, response))
  /** Every request, in order, as `METHOD PATH`. */
  readonly requests: string[] = []
  /** Secrets of Vault's key/value engines by path, as an engine's own API has them below its mount. */
  readonly kv = new Map<string, Readonly<Record<string, unknown>>>()
  readonly aws = new Map<string, string>()
  readonly gcp = new Map<string, string>()
  readonly azure = new Map<string, string>()
  /** Keys that were wrapped, in base64, by what they were wrapped into: it stays here, as it does in a key management service. */
  readonly wrapped = new Map<
    string,
    { readonly key: string; readonly plaintext: string; readonly associated: string }
  >()
  /** Tokens of Vault that are good, with their seconds. */
  readonly tokens = new Map<string, number>()
  /** Users that the database engine has made, by lease. */
  readonly leases = new Map<string, { readonly username: string; readonly password: string }>()
  /** What the database engine does for a new user; the seconds of its lease are given back. */
  makeUser: () => Promise<{ username: string; password: string; lasts: number }> = () =>
    Promise.resolve({ username: 'v-made', password: 'made-by-vault', lasts: 60 })
  dropUser: (username: string) => Promise<void> = () => Promise.resolve()
  /** Answers in place of everything, where it is set. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  /** Seconds since leases were renewed, as they are looked up: those of a gateway that is no more. */
  renewedAgo = 120
  /** What is said of a lease that is looked up, in place of that. */
  lookUp: Answer | undefined
  /** Seconds of version 1 and of tokens. */
  lease = 3600
  #count = 0

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this.url
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (text: string) => (body += text))
    request.on('end', () => {
      this.requests.push(`${request.method} ${request.url}`)
      if (this.answer !== undefined) return this.answer(request, response)
      void this.#answerTo(request, body).then(
        ({ status = 200, json, text }) => {
          response.writeHead(status, { 'content-type': 'application/json' })
          response.end(text ?? JSON.stringify(json ?? {}))
        },
        (error: unknown) => response.writeHead(500).end(String(error)),
      )
    })
  }

  async #answerTo(request: IncomingMessage, body: string): Promise<Answer> {
    const url = new URL(request.url ?? '/', 'http://stand-in')
    const { pathname } = url
    if (pathname.includes('/cryptoKeys/')) return this.#googleKms(request, pathname, body)
    if (pathname.startsWith('/v1/projects/')) return this.#google(request, pathname)
    if (pathname.startsWith('/v1/')) return this.#vault(request, pathname.slice('/v1/'.length), body)
    if (pathname.startsWith('/computeMetadata/')) return this.#googleToken(request)
    if (pathname.startsWith('/secrets/')) return this.#keyVault(request, url)
    if (pathname === '/identity') return azureToken(request, url)
    if (pathname === '/' && request.headers['x-amz-target'] === 'secretsmanager.GetSecretValue')
      return this.#secretsManager(request, body)
    if (String(request.headers['x-amz-target']).startsWith('TrentService.')) return this.#kms(request, body)
    return { status: 404 }
  }

  async #vault(request: IncomingMessage, path: string, body: string): Promise<Answer> {
    const sent = (body === '' ? {} : JSON.parse(body)) as Record<string, unknown>
    if (path === 'auth/approle/login')
      return sent['role_id'] === 'the-role' && sent['secret_id'] === 'the-secret-id'
        ? this.#newToken()
        : { status: 400, json: { errors: [`invalid role or secret ID ${String(sent['secret_id'])}`] } }
    if (path === 'auth/kubernetes/login')
      return sent['role'] === 'pam' && sent['jwt'] === 'the.service.token' ? this.#newToken() : { status: 403 }
    const token = String(request.headers['x-vault-token'] ?? '')
    const lasts = this.tokens.get(token)
    // What a real one says of a token that it does not know.
    if (lasts === undefined) return { status: 403, json: { errors: ['permission denied', token] } }
    if (path === 'auth/token/lookup-self') return { json: { data: { ttl: lasts, renewable: true } } }
    if (path === 'auth/token/renew-self')
      return { json: { auth: { client_token: token, lease_duration: this.lease, renewable: true } } }
    if (path === 'sys/leases/lookup') return this.#lookUp(String(sent['lease_id']))
    if (path === 'sys/leases/revoke') return this.#revoke(String(sent['lease_id']))
    if (path === 'sys/leases/renew')
      return this.leases.has(String(sent['lease_id']))
        ? { json: { lease_id: sent['lease_id'], lease_duration: 60, renewable: true } }
        : { status: 400, json: { errors: ['lease not found'] } }
    if (path.startsWith('database/creds/')) return this.#makeUser(path)
    if (path.startsWith('transit/')) return transit(path, sent)
    const secret = this.kv.get(path)
    if (secret === undefined) return { status: 404, json: { errors: [] } }
    return path.startsWith('kv1/')
      ? { json: { lease_duration: this.lease, data: secret } }
      : { json: { lease_duration: 0, data: { data: secret, metadata: { version: 1 } } } }
  }

  #newToken(): Answer {
    const token = `hvs.token-${++this.#count}`
    this.tokens.set(token, this.lease)
    return { json: { auth: { client_token: token, lease_duration: this.lease, renewable: true } } }
  }

  async #makeUser(path: string): Promise<Answer> {
    const { username, password, lasts } = await this.makeUser()
    const id = `${path}/lease${++this.#count}`
    this.leases.set(id, { username, password })
    return { json: { lease_id: id, lease_duration: lasts, renewable: true, data: { username, password } } }
  }

  #lookUp(id: string): Answer {
    if (this.lookUp !== undefined) return this.lookUp
    if (!this.leases.has(id)) return { status: 400, json: { errors: ['invalid lease'] } }
    const renewed = Date.UTC(2026, 10, 30)
    const at = (seconds: number): string => new Date(renewed + seconds * 1000).toISOString()
    const data = { id, issue_time: at(-3600), last_renewal: at(0), expire_time: at(3600), renewable: true }
    return { json: { data: { ...data, ttl: 3600 - this.renewedAgo } } }
  }

  async #revoke(id: string): Promise<Answer> {
    const found = this.leases.get(id)
    if (found !== undefined) {
      this.leases.delete(id)
      await this.dropUser(found.username)
    }
    return { status: 204, text: '' }
  }

  #secretsManager(request: IncomingMessage, body: string): Answer {
    const { authorization = '' } = request.headers
    if (
      !/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/secretsmanager\/aws4_request, /.test(authorization)
    )
      return { status: 400, json: { __type: 'UnrecognizedClientException', message: authorization } }
    const text = this.aws.get(String((JSON.parse(body) as { SecretId?: unknown }).SecretId))
    return text === undefined
      ? { status: 400, json: { __type: 'ResourceNotFoundException', Message: "can't find the specified secret" } }
      : { json: { SecretString: text, VersionStages: ['AWSCURRENT'] } }
  }

  /** AWS KMS: Encrypt and Decrypt. */
  #kms(request: IncomingMessage, body: string): Answer {
    const { KeyId = '', Plaintext, CiphertextBlob, EncryptionContext } = JSON.parse(body) as Record<string, string>
    const associated = JSON.stringify(EncryptionContext)
    if (Plaintext !== undefined)
      return { json: { KeyId, CiphertextBlob: this.#wrap({ key: KeyId, plaintext: Plaintext, associated }) } }
    const plaintext = this.#unwrap(CiphertextBlob, KeyId, associated)
    return plaintext === undefined
      ? { status: 400, json: { __type: 'InvalidCiphertextException', message: request.headers.authorization } }
      : { json: { KeyId, Plaintext: plaintext } }
  }

  /** Cloud KMS: cryptoKeys.encrypt and .decrypt. */
  #googleKms(request: IncomingMessage, path: string, body: string): Answer {
    if (request.headers.authorization !== 'Bearer ya29.token') return { status: 401 }
    const [key = '', action] = path.slice('/v1/'.length).split(':')
    const {
      plaintext,
      ciphertext,
      additionalAuthenticatedData: associated = '',
    } = JSON.parse(body) as Record<string, string>
    const withChecksum = (name: string, text: string): Record<string, string> => ({
      [name]: text,
      [`${name}Crc32c`]: String(crc32c(Buffer.from(text, 'base64'))),
    })
    if (action === 'encrypt' && plaintext !== undefined)
      return {
        json: {
          name: `${key}/cryptoKeyVersions/1`,
          ...withChecksum('ciphertext', this.#wrap({ key, plaintext, associated })),
          verifiedPlaintextCrc32c: true,
          verifiedAdditionalAuthenticatedDataCrc32c: true,
        },
      }
    const found = this.#unwrap(ciphertext, key, associated)
    return found === undefined ? { status: 400 } : { json: withChecksum('plaintext', found) }
  }

  #wrap(given: { readonly key: string; readonly plaintext: string; readonly associated: string }): string {
    const ciphertext = randomBytes(48).toString('base64')
    this.wrapped.set(ciphertext, given)
    return ciphertext
  }

  #unwrap(ciphertext = '', key: string, associated: string): string | undefined {
    const found = this.wrapped.get(ciphertext)
    return found?.key === key && found.associated === associated ? found.plaintext : undefined
  }

  #google(request: IncomingMessage, path: string): Answer {
    if (request.headers.authorization !== 'Bearer ya29.token') return { status: 401 }
    const text = this.gcp.get(path)
    return text === undefined ? { status: 404 } : { json: { payload: { data: Buffer.from(text).toString('base64') } } }
  }

  #googleToken(request: IncomingMessage): Answer {
    return request.headers['metadata-flavor'] === 'Google'
      ? { json: { access_token: 'ya29.token', expires_in: this.lease, token_type: 'Bearer' } }
      : { status: 403 }
  }

  #keyVault(request: IncomingMessage, url: URL): Answer {
    if (request.headers.authorization !== 'Bearer eyJ.azure') return { status: 401 }
    const text = url.searchParams.get('api-version') === '7.4' ? this.azure.get(url.pathname) : undefined
    return text === undefined ? { status: 404 } : { json: { value: text } }
  }
}

interface Answer {
  readonly status?: number
  readonly json?: unknown
  readonly text?: string
}

const azureToken = (request: IncomingMessage, url: URL): Answer =>
  request.headers['x-identity-header'] === 'the-header' &&
  url.searchParams.get('resource') === 'https://vault.azure.net'
    ? { json: { access_token: 'eyJ.azure', expires_in: '3600' } }
    : { status: 400 }

/** It encrypts nothing: what it gives out names what it was given, which is enough to see that both must be the same again. */
function transit(path: string, sent: Readonly<Record<string, unknown>>): Answer {
  const [, operation, key] = path.split('/')
  if (operation === 'encrypt') {
    const text = Buffer.from(JSON.stringify([key, sent['plaintext'], sent['associated_data']])).toString('base64')
    return { json: { data: { ciphertext: `vault:v1:${text}` } } }
  }
  const [name, plaintext, associated] = JSON.parse(
    Buffer.from(String(sent['ciphertext']).slice('vault:v1:'.length), 'base64').toString(),
  ) as string[]
  return name === key && associated === sent['associated_data'] ? { json: { data: { plaintext } } } : { status: 400 }
}
