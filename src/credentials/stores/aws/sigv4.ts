import { createHash, createHmac } from 'node:crypto'

/** What requests to AWS are signed with. */
export interface AwsKeys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

/** Where and when a signature holds. `at` is in milliseconds since the epoch. */
export interface SigningScope {
  readonly region: string
  readonly service: string
  readonly at: number
}

export interface SignableRequest {
  readonly method: string
  readonly url: URL
  /** In any case; `host` and `x-amz-date` are added. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * The headers of a request with its signature, Signature Version 4 (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 * The path is signed as it is sent: services other than S3 want it normalized, which paths of ours are.
 */
export function signHeaders(request: SignableRequest, keys: AwsKeys, scope: SigningScope): Record<string, string> {
  const headers: Record<string, string> = {
    ...Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value.trim()])),
    host: request.url.host,
    'x-amz-date': stampOf(scope.at),
    ...(keys.sessionToken === undefined ? {} : { 'x-amz-security-token': keys.sessionToken }),
  }
  const names = Object.keys(headers).toSorted()
  const signature = sign(
    [
      request.method,
      encodePath(request.url.pathname),
      canonicalQuery(request.url.searchParams),
      ...names.map((name) => `${name}:${headers[name]?.replaceAll(/ +/g, ' ')}`),
      '',
      names.join(';'),
      sha256(request.body),
    ].join('\n'),
    keys,
    scope,
  )
  const credential = `Credential=${keys.accessKeyId}/${scopeOf(scope)}`
  // `fetch` sets it from the URL, and lets nobody else do so.
  const { host: _host, ...sent } = headers
  return {
    ...sent,
    authorization: `${ALGORITHM} ${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  }
}

/** A URL with its signature in the query, valid for `expires` seconds, of a GET without headers and body. */
export function presign(url: URL, keys: AwsKeys, scope: SigningScope, expires: number): string {
  const query = new URLSearchParams(url.searchParams)
  query.set('X-Amz-Algorithm', ALGORITHM)
  query.set('X-Amz-Credential', `${keys.accessKeyId}/${scopeOf(scope)}`)
  query.set('X-Amz-Date', stampOf(scope.at))
  query.set('X-Amz-Expires', String(expires))
  query.set('X-Amz-SignedHeaders', 'host')
  if (keys.sessionToken !== undefined) query.set('X-Amz-Security-Token', keys.sessionToken)
  const signed = canonicalQuery(query)
  const canonical = ['GET', encodePath(url.pathname), signed, `host:${url.host}`, '', 'host', sha256('')].join('\n')
  return `${url.protocol}//${url.host}${url.pathname}?${signed}&X-Amz-Signature=${sign(canonical, keys, scope)}`
}

function sign(canonical: string, { secretAccessKey }: AwsKeys, scope: SigningScope): string {
  const text = [ALGORITHM, stampOf(scope.at), scopeOf(scope), sha256(canonical)].join('\n')
  const day = hmac(`AWS4${secretAccessKey}`, stampOf(scope.at).slice(0, 8))
  const key = hmac(hmac(hmac(day, scope.region), scope.service), 'aws4_request')
  return hmac(key, text).toString('hex')
}

const scopeOf = ({ region, service, at }: SigningScope): string =>
  `${stampOf(at).slice(0, 8)}/${region}/${service}/aws4_request`

/** `20150830T123600Z`. */
const stampOf = (at: number): string => new Date(at).toISOString().replaceAll(/[:-]|\.\d{3}/g, '')

/** Sorted by name, then value, by their encoded bytes. */
const canonicalQuery = (query: URLSearchParams): string =>
  [...query]
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .toSorted(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const encodePath = (path: string): string => path.split('/').map(encode).join('/')

/** RFC 3986: everything but the unreserved characters. */
const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const ALGORITHM = 'AWS4-HMAC-SHA256'
