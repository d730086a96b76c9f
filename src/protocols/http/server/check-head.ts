import { METHODS } from 'node:http'
import { PamError } from '../../../shared/errors.ts'
import { visible } from '../../../shared/visible.ts'
import { valuesOf, type Header, type Headers } from '../wire/headers.ts'
import type { RequestHead } from './exchange.ts'

/** More than is read of the head of a request: status 431 (RFC 6585, section 5). */
export class HeadTooLarge extends PamError {
  constructor(message: string) {
    super('MESSAGE_TOO_LARGE', message)
  }
}

/** A request as a library has read it. */
export interface RawHead {
  readonly version: '1.1' | '2'
  /** Of HTTP/1: what it says of itself. */
  readonly minorVersion?: number
  readonly method: string
  readonly target: string
  /** With pseudo-headers. */
  readonly headers: Headers
}

/**
 * What libraries let through and two servers may read in two ways: everything but one host, one length and one kind of target is refused. The
 * text is for the client.
 */
export function checkHead({ version, minorVersion, method, target, headers: all }: RawHead): RequestHead | PamError {
  if (all.length > MAX_HEADERS) return new HeadTooLarge(`the request has more than ${MAX_HEADERS} headers`)
  const headers = all.filter(([name]) => !name.startsWith(':') && name !== 'host')
  const host = hostOf(all)
  const wrong =
    (minorVersion === 0 ? 'HTTP/1.0 is not supported' : undefined) ??
    (KNOWN_METHODS.has(method)
      ? undefined
      : `requests of the method ${METHOD.test(method) ? method : '?'} are not supported`) ??
    (TARGET.test(target) ? undefined : 'the target of a request must be a path, in characters of ASCII') ??
    (host === undefined ? NO_HOST : undefined) ??
    wrongHeader(version, headers)
  if (wrong !== undefined || host === undefined) return new PamError('PROTOCOL_VIOLATION', wrong ?? NO_HOST)
  return { version, method, target, host, headers }
}

/** In HTTP/2 a `host` beside the authority must be the same. */
function hostOf(headers: readonly Header[]): string | undefined {
  const names = [...valuesOf(headers, ':authority'), ...valuesOf(headers, 'host')]
  const isHttp2 = names.length === 2 && valuesOf(headers, ':authority').length === 1 && names[0] === names[1]
  const [host] = names
  return (names.length === 1 || isHttp2) && host !== undefined && HOST.test(host) ? host : undefined
}

function wrongHeader(version: '1.1' | '2', headers: Headers): string | undefined {
  const odd = headers.find(([name, value]) => !NAME.test(name) || !VALUE.test(value))
  if (odd !== undefined) return 'a header that is not plain ASCII'
  const twice = SINGLE.find((name) => valuesOf(headers, name).length > 1)
  if (twice !== undefined) return `the header ${twice} is given more than once`
  const encodings = valuesOf(headers, 'transfer-encoding')
  if (encodings.length > 0 && (version === '2' || encodings.join() !== 'chunked'))
    return 'only the transfer encoding chunked is supported'
  if (encodings.length > 0 && valuesOf(headers, 'content-length').length > 0)
    return 'a length beside a transfer encoding'
  if (valuesOf(headers, 'content-length').some((value) => !/^(?:0|[1-9]\d{0,15})$/.test(value)))
    return 'a length that is not a number'
  if (valuesOf(headers, 'expect').some((value) => value.toLowerCase() !== '100-continue'))
    return 'only 100-continue is supported in Expect'
  return undefined
}

/** Trailers are held to the rules of headers; pseudo-headers and what frames a message or is for its head alone cannot come so late. */
export function checkTrailers(trailers: Headers): Headers | PamError {
  const late = trailers.find(([name]) => name.startsWith(':') || NEVER_LATE.test(name))
  const wrong =
    late !== undefined
      ? `the field ${visible(late[0])} is not allowed in trailers`
      : trailers.length > MAX_HEADERS
        ? `more than ${MAX_HEADERS} trailer fields`
        : wrongHeader('2', trailers)
  return wrong === undefined ? trailers : new PamError('PROTOCOL_VIOLATION', wrong)
}

/** Source: RFC 9110, section 6.5.1. */
const NEVER_LATE =
  /^(?:host|te|trailer|connection|keep-alive|proxy-.*|upgrade|transfer-encoding|content-(?:length|type|encoding|range)|authorization|cookie|set-cookie.*|www-authenticate|location|expect|max-forwards|cache-control|range|if-.*|age|expires|date|vary|retry-after)$/
const NO_HOST = 'a request must name one host'
const METHOD = /^[A-Z]{1,20}$/
/**
 * Those that rules can name, in every version of HTTP: the library reads no others in HTTP/1.1, and all of them in HTTP/2. Two of its own would turn a
 * server into a tunnel or a mirror.
 */
const KNOWN_METHODS: ReadonlySet<string> = new Set(
  METHODS.filter((method) => METHOD.test(method) && method !== 'CONNECT' && method !== 'TRACE'),
)
/** Origin form (RFC 9112, section 3.2.1); a fragment is never sent, and a backslash is a slash to some. */
const TARGET = /^\/(?:(?![#\\])[\x21-\x7e])*$/
const HOST = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/
const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/
const VALUE = /^[\t\x20-\x7e]*$/
const SINGLE = ['content-length', 'content-type', 'content-encoding', 'expect', 'authorization', 'upgrade'] as const
const MAX_HEADERS = 100
