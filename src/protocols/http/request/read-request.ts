import { asPamError, PamError } from '../../../shared/errors.ts'
import { formatSize } from '../../../shared/size.ts'
import { grpcMethodOf, isCompressedCall, isGrpcCall } from '../grpc/call.ts'
import { countMessages } from '../grpc/message-reader.ts'
import type { RequestHead } from '../server/exchange.ts'
import { valueOf, type Headers } from '../wire/headers.ts'
import { decompress } from './decompress.ts'
import type { HttpRequest, Parameter, RequestBody } from './http-request.ts'
import { mayOverride, overridingName, tunnelingName } from './method-override.ts'
import { isForm, readBody, readContentType } from './read-body.ts'
import { readTarget, type PathOptions, type RequestTarget } from './read-target.ts'

/**
 * A request as every server behind may read it. What they read differently is refused whatever policy says, since nobody could tell what
 * was allowed. `bytes`: undefined where the body is longer than what is read before the decision.
 */
export function readRequest(
  head: Pick<RequestHead, 'version' | 'method' | 'target' | 'headers'>,
  bytes: Buffer | undefined,
  upgrade: string | undefined,
  options: ReadOptions = {},
): HttpRequest | PamError {
  const { method, target, headers } = head
  const place = readTarget(target, options)
  if ('failure' in place) return refused(place.failure)
  if (isGrpcCall(head)) return readCall(head, place, bytes)
  const contentType = readContentType(valueOf(headers, 'content-type'))
  // Servers of gRPC look at the beginning of the type, and it is HTTP/2 that they get.
  if (CALL_TYPE.test(contentType.type))
    return new PamError(
      'FEATURE_REFUSED',
      'a call of gRPC is a POST in HTTP/2 with a type such as application/grpc+proto',
    )
  const body = bodyOf(contentType.type, { method, headers }, bytes, options.maxBody ?? MAX_JUDGED)
  if (body instanceof PamError) return body
  if ('failure' in body) return refused(body.failure)
  // Rack reads a body of no type as a form.
  if (method === 'POST' && contentType.type === '' && body.type !== 'none')
    return refused('the body of a POST needs a content type')
  const overriding = overridingName(place.query) ?? overridingName(namesIn(body)) ?? tunnelingName(method, place.query)
  if (overriding !== undefined)
    return new PamError(
      'FEATURE_REFUSED',
      `the parameter ${overriding} is not supported: it could stand for another method`,
    )
  if (upgrade !== undefined && upgrade.toLowerCase() !== 'websocket')
    return new PamError('FEATURE_REFUSED', 'no other protocol than WebSocket can be spoken on this connection')
  return {
    method,
    path: place.path,
    segments: place.segments,
    query: place.query,
    contentType: contentType.type,
    body,
    grpc: undefined,
    upgrade: upgrade === undefined ? undefined : 'websocket',
  }
}

/** A call of gRPC. What its messages say is not known: `bytes` are all of them, where they are read before the decision. */
function readCall(
  { method, headers }: Pick<RequestHead, 'method' | 'headers'>,
  { path, segments, query }: RequestTarget,
  bytes: Buffer | undefined,
): HttpRequest | PamError {
  const grpc = grpcMethodOf(segments)
  if (grpc === undefined || query.length > 0 || path.includes('%'))
    return refused('the path of a gRPC call is /Service/Method, and nothing else')
  if (bytes !== undefined) {
    try {
      countMessages(bytes, isCompressedCall(headers))
    } catch (error) {
      return asPamError(error)
    }
  }
  const { type } = readContentType(valueOf(headers, 'content-type'))
  const body = { type: 'opaque', reason: 'messages of gRPC', looksLike: 'other' } as const
  return { method, path, segments, query, contentType: type, body, grpc, upgrade: undefined }
}

function bodyOf(
  type: string,
  { method, headers }: Pick<RequestHead, 'method' | 'headers'>,
  bytes: Buffer | undefined,
  maxBody: number,
): RequestBody | PamError | { readonly failure: string } {
  const content = valueOf(headers, 'content-type')
  const encoding = valueOf(headers, 'content-encoding')?.toLowerCase() ?? 'identity'
  const isPlain = encoding === 'identity'
  // A field of a form can name another method; so can a name at the top of JSON, which Laravel finds anywhere in the type.
  const mayName = isForm(type) || (method === 'POST' && /[/+]json/i.test(content ?? ''))
  if (bytes === undefined)
    return mayName
      ? new PamError(
          'MESSAGE_TOO_LARGE',
          `the ${isForm(type) ? 'form' : 'JSON of a POST'} is longer than ${formatSize(maxBody)}: it is read to its end first, since a field of it could name another method`,
          {
            hint: 'send less at a time, send it by PUT or as another type, or ask your administrator to raise maxBody of the target',
          },
        )
      : { type: 'long' }
  if (isPlain || bytes.length === 0) return readBody(readContentType(content), bytes)
  const plain = decompress(encoding, bytes, maxBody)
  // A server that does not decompress reads it as it stands.
  if (mayOverride(bytes)) return { failure: 'the compressed body could name another method as it stands' }
  if (Buffer.isBuffer(plain)) return readBody(readContentType(content), plain)
  return mayName
    ? { failure: `the form, or the JSON of a POST, ${plain.failure}` }
    : { type: 'opaque', reason: `a body that ${plain.failure}`, looksLike: 'any' }
}

/** A body for people: as it is sent, or what is in it where it is compressed and was read. */
export function shownBody(headers: Headers, body: RequestBody, bytes: Buffer): Buffer {
  const encoding = valueOf(headers, 'content-encoding')?.toLowerCase() ?? 'identity'
  if (encoding === 'identity' || (body.type === 'opaque' && body.looksLike === 'any')) return bytes
  const plain = decompress(encoding, bytes, MAX_BODY)
  return Buffer.isBuffer(plain) ? plain : bytes
}

/** Laravel takes the names at the top of a body in JSON for fields of a form. */
function namesIn(body: RequestBody): readonly Pick<Parameter, 'name'>[] {
  if (body.type === 'form') return body.fields
  const isObject = body.type === 'json' && typeof body.value === 'object' && body.value !== null
  return isObject ? Object.keys(body.value).map((name) => ({ name })) : []
}

/** What is read of a body before the decision where the target does not say otherwise (`maxBody`), and the longest that somebody can be asked about. */
export const MAX_JUDGED = 1024 * 1024

/** The most that a target may have read (`maxBody`). Reading JSON holds up the gateway: some 10 ms for each MiB. */
export const MAX_BODY = 8 * 1024 * 1024

export interface ReadOptions extends PathOptions {
  /** How much of a body is read before the decision, and of what is in one that is compressed; default: MAX_JUDGED. */
  readonly maxBody?: number
}

/** What some server takes for a call of gRPC; gRPC-Web is a request like others. */
const CALL_TYPE = /^application\/grpc(?!-web)/

const refused = (reason: string): PamError => new PamError('SYNTAX_ERROR', reason)
