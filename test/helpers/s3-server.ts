import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * A strict stand-in for S3-compatible storage: it checks every signature (AWS Signature Version 4) and checksum, never writes over
 * an object that is asked for with `If-None-Match: *`, keeps locked objects, and can be told to misbehave. A real one that could be
 * installed beside the tests does none of the first three.
 */
export interface S3Server {
  readonly endpoint: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  readonly objects: Map<string, { readonly body: Buffer; readonly headers: IncomingMessage['headers'] }>
  /** What was asked, as `METHOD key status`. */
  readonly log: string[]
  behaviour: 'well' | 'forbidden' | 'broken' | 'slow' | 'cut'
  close(): Promise<void>
}

export async function startS3Server(): Promise<S3Server> {
  const uploads = new Map<string, { key: string; headers: IncomingMessage['headers']; parts: Map<number, Buffer> }>()
  const credentials = { accessKeyId: 'AKTEST', secretAccessKey: 'secret-of-the-storage' }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (state.behaviour === 'cut') request.socket.destroy()
    })
    request.on('error', () => {})
    request.on('end', () => {
      const url = new URL(request.url ?? '', 'http://x')
      const key = decodeURIComponent(url.pathname.replace(/^\/records\//, ''))
      const answer = (status: number, body = '', headers: Record<string, string> = {}): void => {
        state.log.push(`${request.method} ${key} ${status}`)
        response.writeHead(status, headers).end(body)
      }
      const error = (status: number, code: string): void =>
        answer(status, `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`, {
          'content-type': 'application/xml',
        })
      if (state.behaviour === 'forbidden') return error(403, 'AccessDenied')
      if (state.behaviour === 'broken') return error(500, 'InternalError')
      if (state.behaviour === 'slow') return void setTimeout(() => serve(), 3000).unref()
      serve()
      function serve(): void {
        if (!signatureHolds(request, url, credentials)) return error(403, 'SignatureDoesNotMatch')
        handle(request, response, { key, url, body: Buffer.concat(chunks), answer, error })
      }
    })
  })
  const state: S3Server = {
    endpoint: '',
    credentials,
    objects: new Map(),
    log: [],
    behaviour: 'well',
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(state, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/records` })

  function handle(
    request: IncomingMessage,
    response: ServerResponse,
    call: {
      key: string
      url: URL
      body: Buffer
      answer: (status: number, body?: string, headers?: Record<string, string>) => void
      error: (status: number, code: string) => void
    },
  ): void {
    const { key, url, body, answer, error } = call
    const { headers, method } = request
    const sum = headers['x-amz-checksum-sha256']
    if (sum !== undefined && sum !== createHash('sha256').update(body).digest('base64')) return error(400, 'BadDigest')
    const upload = url.searchParams.get('uploadId')
    if (method === 'POST' && url.searchParams.has('uploads')) {
      const id = String(uploads.size + 1)
      uploads.set(id, { key, headers, parts: new Map() })
      return answer(
        200,
        `<InitiateMultipartUploadResult><Bucket>records</Bucket><Key>${key}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
        { 'content-type': 'application/xml' },
      )
    }
    if (upload !== null) {
      const known = uploads.get(upload)
      if (known === undefined || known.key !== key) return error(404, 'NoSuchUpload')
      if (method === 'PUT') {
        known.parts.set(Number(url.searchParams.get('partNumber')), body)
        return answer(200, '', { etag: `"${createHash('md5').update(body).digest('hex')}"` })
      }
      uploads.delete(upload)
      if (method === 'DELETE') return answer(204)
      const parts = [...known.parts].toSorted(([a], [b]) => a - b).map(([, part]) => part)
      state.objects.set(key, { body: Buffer.concat(parts), headers: known.headers })
      return answer(
        200,
        `<CompleteMultipartUploadResult><Key>${key}</Key><ETag>"x-${parts.length}"</ETag></CompleteMultipartUploadResult>`,
        { 'content-type': 'application/xml' },
      )
    }
    if (method === 'GET' && url.searchParams.has('versions')) {
      const prefix = url.searchParams.get('prefix') ?? ''
      const found = [...state.objects.keys()].filter((name) => name.startsWith(prefix))
      const versions = found.map((name) => `<Version><Key>${name}</Key><VersionId>null</VersionId></Version>`)
      return answer(200, `<ListVersionsResult>${versions.join('')}</ListVersionsResult>`, {
        'content-type': 'application/xml',
      })
    }
    if (method === 'GET' && (url.searchParams.has('retention') || url.searchParams.has('legal-hold'))) {
      const until = state.objects.get(key)?.headers['x-amz-object-lock-retain-until-date']
      if (until === undefined || !url.searchParams.has('retention')) return error(404, 'NoSuchObjectLockConfiguration')
      return answer(200, `<Retention><RetainUntilDate>${String(until)}</RetainUntilDate></Retention>`, {
        'content-type': 'application/xml',
      })
    }
    const object = state.objects.get(key)
    switch (method ?? 'GET') {
      case 'PUT':
        if (object !== undefined && headers['if-none-match'] === '*') return error(412, 'PreconditionFailed')
        if (headers['x-amz-object-lock-mode'] !== undefined && sum === undefined) return error(400, 'InvalidRequest')
        state.objects.set(key, { body, headers })
        return answer(200, '', { etag: '"x"' })
      case 'GET':
      case 'HEAD':
        if (object === undefined) return error(404, 'NoSuchKey')
        state.log.push(`${method} ${key} 200`)
        response.writeHead(200, { 'content-length': object.body.length, etag: '"x"' })
        response.end(method === 'GET' ? object.body : undefined)
        return
      case 'DELETE': {
        const until = object?.headers['x-amz-object-lock-retain-until-date']
        if (typeof until === 'string' && Date.parse(until) > Date.now()) return error(403, 'AccessDenied')
        state.objects.delete(key)
        return answer(204)
      }
      default:
        return error(405, 'MethodNotAllowed')
    }
  }
}

/** Source: AWS General Reference, Signature Version 4, Verify. */
function signatureHolds(request: IncomingMessage, url: URL, credentials: S3Server['credentials']): boolean {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    )
  if (match === null) return false
  const [, id, date, region, signed, signature] = match as unknown as [string, string, string, string, string, string]
  const names = signed.split(';')
  // What is not signed anybody on the way could change.
  const mustBeSigned = Object.keys(request.headers).filter(
    (name) => name === 'host' || name === 'if-none-match' || name.startsWith('x-amz-'),
  )
  if (id !== credentials.accessKeyId || mustBeSigned.some((name) => !names.includes(name))) return false
  const amzDate = String(request.headers['x-amz-date'])
  if (
    Math.abs(
      Date.now() - Date.parse(amzDate.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')),
    ) > 900_000
  )
    return false
  const query = [...url.searchParams]
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .toSorted()
    .join('&')
  const canonical = [
    request.method,
    url.pathname,
    query,
    ...names.map((name) => `${name}:${String(request.headers[name]).trim()}`),
    '',
    signed,
    String(request.headers['x-amz-content-sha256']),
  ].join('\n')
  const scope = `${date}/${region}/s3/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', amzDate, scope, createHash('sha256').update(canonical).digest('hex')].join('\n')
  let key: Buffer = Buffer.from(`AWS4${credentials.secretAccessKey}`)
  for (const part of [date, region, 's3', 'aws4_request']) key = createHmac('sha256', key).update(part).digest()
  return createHmac('sha256', key).update(toSign).digest('hex') === signature
}
