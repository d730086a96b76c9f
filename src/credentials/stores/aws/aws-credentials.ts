import type { Clock } from '../../../shared/clock.ts'
import { isLoopback } from '../../../shared/loopback.ts'
import { answerOf, askStore, headerToken, isSuccess, refusedBy, type SendRequest } from '../ask-store.ts'
import { own, StoreFailure } from '../store.ts'
import type { AwsKeys } from './sigv4.ts'

export interface AwsParts {
  readonly region: string
  /** Of the Security Token Service; default: that of the region. */
  readonly stsUrl: string | undefined
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Reads a file that the environment names. */
  readonly readFile: (path: string) => string
  readonly clock: Clock
  readonly send: SendRequest
}

interface Expiring {
  readonly keys: AwsKeys
  /** Milliseconds since the epoch. */
  readonly until: number
}

/**
 * The keys of the machine that the gateway runs on, in the order of the AWS SDKs
 * (docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html): environment, web identity (also IRSA), container (ECS, EKS Pod
 * Identity), instance (IMDSv2). Profiles in files and programs that print keys are not read.
 */
export class AwsCredentials {
  readonly #parts: AwsParts
  #current: Promise<Expiring> | undefined

  constructor(parts: AwsParts) {
    this.#parts = parts
  }

  /** Throws StoreFailure. */
  async keys(): Promise<AwsKeys> {
    const known = await this.#current?.catch(() => undefined)
    if (known !== undefined && known.until - RENEW_BEFORE_MS > this.#parts.clock.now()) return known.keys
    const asked = this.#read()
    this.#current = asked
    return (await asked).keys
  }

  async #read(): Promise<Expiring> {
    const { environment } = this.#parts
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = environment
    if (id !== undefined && secret !== undefined) return { keys: keysOf({ id, secret, token }), until: Infinity }
    if (environment['AWS_WEB_IDENTITY_TOKEN_FILE'] !== undefined) return this.#byWebIdentity()
    const relative = environment['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI']
    const full = environment['AWS_CONTAINER_CREDENTIALS_FULL_URI']
    if (relative !== undefined) return this.#fromContainer(new URL(relative, 'http://169.254.170.2').href)
    if (full !== undefined) return this.#fromContainer(full)
    if (environment['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true')
      throw new StoreFailure('store', 'has no keys: neither environment, web identity nor container has any')
    return this.#fromInstance()
  }

  /** AssumeRoleWithWebIdentity; the answer is XML, of which four elements are read. */
  async #byWebIdentity(): Promise<Expiring> {
    const { environment, readFile, region, stsUrl, send } = this.#parts
    const role = environment['AWS_ROLE_ARN']
    if (role === undefined) throw new StoreFailure('store', 'has no role: AWS_ROLE_ARN is not set')
    const token = readFile(environment['AWS_WEB_IDENTITY_TOKEN_FILE'] ?? '').trim()
    const body = new URLSearchParams({
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: role,
      RoleSessionName: environment['AWS_ROLE_SESSION_NAME'] ?? 'pam-gateway',
      WebIdentityToken: token,
    }).toString()
    const url = stsUrl ?? `https://sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/`
    const { status, body: xml } = await answerOf(
      { url, method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body },
      send,
    )
    if (!isSuccess(status)) throw new StoreFailure('store', `refuses the role: STS ${refusedBy(status).message}`)
    const element = (name: string): string | undefined =>
      new RegExp(`<${name}>([^<>&\\s]{1,16384})</${name}>`).exec(xml)?.[1]
    return expiringOf({
      id: element('AccessKeyId'),
      secret: element('SecretAccessKey'),
      token: element('SessionToken'),
      until: element('Expiration'),
    })
  }

  /** docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html: plain HTTP only to the addresses listed there. */
  async #fromContainer(text: string): Promise<Expiring> {
    const { environment, readFile, send } = this.#parts
    const url = URL.canParse(text) ? new URL(text) : undefined
    const isPlain = url?.protocol === 'http:' && (isLoopback(url.hostname) || CONTAINER_HOSTS.includes(url.hostname))
    if (url === undefined || (url.protocol !== 'https:' && !isPlain))
      throw new StoreFailure('store', 'has no keys: the address of the container credentials is not one of AWS')
    const file = environment['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE']
    const token = file === undefined ? environment['AWS_CONTAINER_AUTHORIZATION_TOKEN'] : readFile(file).trim()
    const headers: Record<string, string> =
      token === undefined ? {} : { authorization: headerToken(token, 'the token of the container') }
    return this.#ask(url.href, headers, send)
  }

  /** Instance metadata, version 2 alone: docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html. */
  async #fromInstance(): Promise<Expiring> {
    const { environment, send } = this.#parts
    const base = (environment['AWS_EC2_METADATA_SERVICE_ENDPOINT'] ?? 'http://169.254.169.254').replace(/\/$/, '')
    const begun = await answerOf(
      {
        url: `${base}/latest/api/token`,
        method: 'PUT',
        headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '300' },
        deadline: METADATA_MS,
        maxBytes: METADATA_BYTES,
      },
      send,
    )
    if (!isSuccess(begun.status))
      throw new StoreFailure('store', `has no keys: the metadata ${refusedBy(begun.status).message}`)
    const headers = { 'x-aws-ec2-metadata-token': headerToken(begun.body, 'the token of the metadata') }
    const path = `${base}/latest/meta-data/iam/security-credentials/`
    const listed = await answerOf({ url: path, headers, deadline: METADATA_MS, maxBytes: METADATA_BYTES }, send)
    const role = listed.body.split('\n')[0]?.trim() ?? ''
    if (!isSuccess(listed.status) || !/^[\w+=,.@-]{1,64}$/.test(role))
      throw new StoreFailure('store', 'has no keys: the instance has no role')
    return this.#ask(`${path}${role}`, headers, send)
  }

  async #ask(url: string, headers: Record<string, string>, send: SendRequest): Promise<Expiring> {
    const { status, json } = await askStore({ url, headers, deadline: METADATA_MS, maxBytes: METADATA_BYTES }, send)
    if (!isSuccess(status)) throw new StoreFailure('store', `has no keys: the metadata ${refusedBy(status).message}`)
    return expiringOf({
      id: own(json, 'AccessKeyId'),
      secret: own(json, 'SecretAccessKey'),
      token: own(json, 'Token'),
      until: own(json, 'Expiration'),
    })
  }
}

interface Said {
  readonly id: unknown
  readonly secret: unknown
  readonly token: unknown
  readonly until?: unknown
}

function expiringOf(said: Said): Expiring {
  const until = typeof said.until === 'string' ? Date.parse(said.until) : NaN
  if (Number.isNaN(until)) throw new StoreFailure('store', 'gave keys without an expiry time')
  return { keys: keysOf(said), until }
}

const keysOf = ({ id, secret, token }: Said): AwsKeys => ({
  accessKeyId: headerToken(id, 'the access key'),
  secretAccessKey: headerToken(secret, 'the secret key'),
  ...(token === undefined ? {} : { sessionToken: headerToken(token, 'the session token') }),
})

const CONTAINER_HOSTS = ['169.254.170.2', '169.254.170.23', '[fd00:ec2::23]']
const METADATA_MS = 3000
const METADATA_BYTES = 65_536
/** Keys are replaced while they still work. */
const RENEW_BEFORE_MS = 300_000
