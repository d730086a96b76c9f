import { PamError } from '../../../shared/errors.ts'
import { wordList } from '../../../shared/word-list.ts'
import { announcedTrailers, valuesOf, withoutHopByHop, type Header, type Headers } from '../wire/headers.ts'

/**
 * What passes of a client's headers: a list, and what the target's configuration adds to it. What is left out otherwise is what belongs to the
 * connection. A header that nobody knows is refused: without it the request might do something else.
 */
export function passedHeaders(headers: Headers, ownNames: readonly string[]): Header[] | PamError {
  const passed: Header[] = []
  for (const [name, value] of withoutHopByHop(headers)) {
    if (DROPPED.has(name)) continue
    if (!PASSED.has(name) && !ownNames.includes(name)) return refusal(name)
    passed.push([name, value])
  }
  const announced = announcedTrailers(headers).map((name): Header => [name, ''])
  const late = passedTrailers(announced, ownNames)
  return wrongValue(headers) ?? (late instanceof PamError ? late : passed)
}

/** What passes of a client's trailers: digests of the body in front of them, and what the target's configuration adds. Any other is refused by name. */
export function passedTrailers(
  trailers: Headers | PamError,
  ownNames: readonly string[],
): readonly Header[] | PamError {
  if (trailers instanceof PamError) return trailers
  const other = trailers.find(([name]) => !TRAILERS.has(name) && !ownNames.includes(name))
  if (other === undefined) return trailers
  return new PamError('FEATURE_REFUSED', `the trailer ${other[0]} is not passed on to this target`, {
    hint: 'leave it out, or ask your administrator to list it under "headers" of the target',
  })
}

/** Headers of calls of gRPC (PROTOCOL-HTTP2.md, Requests), which other requests do not have. What may be compressed of the answer the gateway says. */
export const GRPC_HEADERS: readonly string[] = wordList(
  'grpc-timeout grpc-encoding grpc-message-type grpc-previous-rpc-attempts grpc-trace-bin grpc-tags-bin',
)

/** What is wrong with the name of a header that a target is to be given; undefined for one that may pass. */
export function wrongHeaderName(name: string): string | undefined {
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name)) return 'expected a name in lower case, of letters, digits and dashes'
  return NEVER.test(name) || DROPPED.has(name) || withoutHopByHop([[name, '']]).length === 0
    ? 'cannot be passed on: only the gateway may say who the client is and how the request is sent'
    : undefined
}

function refusal(name: string): PamError {
  if (name === 'cookie')
    return new PamError('FEATURE_REFUSED', 'cookies are not passed on: the gateway signs in to the target by itself')
  return NEVER.test(name)
    ? new PamError('FEATURE_REFUSED', `the header ${name} is not passed on: it could change who asks, or what for`)
    : new PamError('FEATURE_REFUSED', `the header ${name} is not passed on to this target`, {
        hint: 'leave it out, or ask your administrator to list it under "headers" of the target',
      })
}

/** Two types of content, or two codings, are one for each reader; and what belongs to the connection is not for the client to say. */
function wrongValue(headers: Headers): PamError | undefined {
  const named = valuesOf(headers, 'connection').flatMap((value) => value.split(','))
  if (named.some((name) => !/^(?:keep-alive|close|upgrade|te|http2-settings)?$/i.test(name.trim())))
    return new PamError('PROTOCOL_VIOLATION', 'the header connection names a header that is not of the connection')
  const [encoding] = valuesOf(headers, 'content-encoding')
  if (encoding !== undefined && !/^(?:identity|gzip|br|deflate|zstd|x-gzip)$/i.test(encoding))
    return new PamError('FEATURE_REFUSED', 'a body with this content encoding is not supported')
  const [type] = valuesOf(headers, 'content-type')
  if (type !== undefined && (!CONTENT_TYPE.test(type) || hasTwice(type)))
    return new PamError('PROTOCOL_VIOLATION', 'the content type cannot be read')
  const range = valuesOf(headers, 'range')
  return range.length > 1 ? new PamError('PROTOCOL_VIOLATION', 'the header range is given more than once') : undefined
}

/** Of two boundaries, or character sets, some readers take the first and some the last. */
function hasTwice(type: string): boolean {
  const names = type
    .split(';')
    .slice(1)
    .map((parameter) => parameter.split('=')[0]?.trim().toLowerCase())
  return new Set(names).size < names.length
}

const PASSED = new Set(
  wordList(`
    accept accept-language accept-charset content-type content-language content-encoding content-md5 content-digest digest
    if-match if-none-match if-modified-since if-unmodified-since if-range range prefer
    user-agent cache-control pragma date dnt idempotency-key last-event-id soapaction
    x-request-id x-correlation-id x-requested-with traceparent tracestate
  `),
)

const TRAILERS = new Set(wordList('content-md5 content-digest repr-digest digest'))

/** Of this connection, or written anew. What fetch says of its mode means nothing to a server. */
const DROPPED = new Set(
  wordList(
    'host content-length expect authorization accept-encoding origin referer sec-fetch-mode priority grpc-accept-encoding',
  ),
)

/** Names by which servers and proxies take a client for somebody else, or a request for another one. */
const NEVER =
  /^(?:cookie2?|set-cookie|forwarded|via|x-forwarded(?:-.*)?|x-original-.*|x-rewrite-.*|x-http-.*|x-method-.*|x-tunneled-.*|x-override-.*|x-real-.*|x-originating-.*|x-custom-ip-.*|(?:x-)?script-name|x-consumer-.*|x-client-.*|x-cluster-client-ip|true-client-ip|cf-.*|fastly-.*|client-ip|x-remote-.*|remote-.*|x-auth(?:-.*|enticated-.*)?|x-user(?:-.*)?|x-webauth-.*|x-goog-(?:iap|authenticated)-.*|x-ms-client-.*|x-amzn-oidc-.*|x-ssl-.*|ssl-.*|x-client-cert.*|x-pam-.*|impersonate-.*|x-host|x-envoy-.*|x-accel-.*|x-sendfile.*|x-proxy-.*|x-middleware-.*|x-backend-.*|proxy|front-end-https|base-url|http-.*|request-uri|destination|translate|sec-(?!websocket-).*|sec-websocket-.*)$/
const CONTENT_TYPE =
  /^[A-Za-z0-9!#$&^_.+-]+\/[A-Za-z0-9!#$&^_.+-]+(?:\s*;\s*[A-Za-z0-9!#$&^_.+-]+=(?:[A-Za-z0-9!#$%&'*+.^_`|~:/-]+|"[^"\\;,]*"))*\s*;?$/
