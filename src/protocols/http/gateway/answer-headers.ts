import type { Session } from '../../../gateway/engine.ts'
import { PamError } from '../../../shared/errors.ts'
import { maskHeader } from '../masking/answer-masker.ts'
import { withoutHopByHop, type Header, type Headers } from '../wire/headers.ts'
import type { UpstreamAnswer } from '../upstream/answer.ts'
import { scrubbedText } from './secret-scrubber.ts'
import type { Needle } from './secret-spellings.ts'

export interface AnswerPlace {
  /** `https://host:port`, as the target is asked for it. */
  readonly origin: string
  /** Path and query of the request. */
  readonly target: string
  readonly needles: readonly Needle[]
  /** The body will have other bytes than the target sends. */
  readonly isChanged: boolean
}

/**
 * What passes of a target's headers: nothing that sets cookies, asks for a login or speaks of the connection. Throws where the client is sent
 * elsewhere: what is there is behind no gateway, and some clients would take the secret of the local port along.
 */
export function passedAnswerHeaders({ status, headers }: UpstreamAnswer, place: AnswerPlace): Header[] {
  const isEmpty = status === 204 || status === 304
  return withoutHopByHop(headers).flatMap(([name, value]): Header[] => {
    if (DROPPED.test(name) || scrubbedText(name, place.needles) !== name) return []
    if (place.isChanged && CHANGED.has(name)) return []
    // There is no body whose length it could be (RFC 9110, section 8.6).
    if (name === 'content-length' && isEmpty) return []
    const shown = scrubbedValue(name, value, place.needles)
    if (name !== 'location' && name !== 'content-location') return [[name, shown]]
    const within = withinTarget(shown, place)
    if (within !== undefined) return [[name, within]]
    if (name === 'location' && REDIRECTS.has(status)) throw new RedirectedElsewhere()
    return []
  })
}

/** What passes of trailers: as of headers, without what only means something in front of a body. */
export const passedAnswerTrailers = (trailers: Headers, { needles }: Pick<AnswerPlace, 'needles'>): Header[] =>
  withoutHopByHop(trailers)
    .filter(([name]) => !DROPPED.test(name) && !NEVER_LATE.test(name) && scrubbedText(name, needles) === name)
    .map(([name, value]): Header => [name, scrubbedValue(name, value, needles)])

/** Headers or trailers with what rules want hidden: without those whose names are values. */
export const maskHeaders = (headers: Headers, masking: Pick<Session, 'masking' | 'hashKeys'>): Header[] =>
  headers
    .filter(([name]) => maskHeader(name, name, masking) === name)
    .map(([name, value]): Header => [name, maskHeader(name, value, masking)])

/** A value without the secret. What gRPC has in base64, in metadata whose name ends so, stays base64 for the client. */
function scrubbedValue(name: string, value: string, needles: readonly Needle[]): string {
  const shown = scrubbedText(value, needles)
  if (shown === value || !name.endsWith('-bin')) return shown
  const plain = value.split(',').map((one) => scrubbedText(Buffer.from(one, 'base64').toString('latin1'), needles))
  const encoded = plain.map((one) => Buffer.from(one, 'latin1').toString('base64')).join(',')
  return scrubbedText(encoded, needles) === encoded ? encoded : ''
}

export class RedirectedElsewhere extends PamError {
  constructor() {
    super('FEATURE_REFUSED', 'the target answers with a redirect to another site, which is not passed on', {
      side: 'upstream',
      hint: 'use the other site through a target of its own; "pamctl targets" lists yours',
    })
  }
}

/** A location on the target as a path: clients know it under another name. */
function withinTarget(location: string, { origin, target }: AnswerPlace): string | undefined {
  // What browsers leave out or take for slashes.
  if (/[\t\n\r\\]/.test(location) || !URL.canParse(location, origin + target)) return undefined
  const url = new URL(location, origin + target)
  // For who is given it as a path, this would be the name of a host.
  if (url.pathname.startsWith('//')) return undefined
  return url.origin === new URL(origin).origin && url.username === '' ? url.pathname + url.search + url.hash : undefined
}

const DROPPED =
  /^(?:set-cookie2?|(?:www|proxy)-authenticate|(?:proxy-)?authentication-info|alt-svc|refresh|clear-site-data|strict-transport-security|public-key-pins.*|access-control-.*|x-accel-.*|x-sendfile|x-pam-.*|nel|report-to|reporting-endpoints|expect-ct)$/
/** Source: RFC 9110, section 6.5.1. */
const NEVER_LATE =
  /^(?::.*|content-(?:length|type|encoding|range|location)|location|host|date|vary|age|expires|cache-control|etag|retry-after)$/
/** What is only true of the bytes that the target has sent. */
const CHANGED = new Set([
  'content-length',
  'content-encoding',
  'etag',
  'content-md5',
  'content-digest',
  'repr-digest',
  'digest',
  'accept-ranges',
])
const REDIRECTS = new Set([301, 302, 303, 307, 308])
