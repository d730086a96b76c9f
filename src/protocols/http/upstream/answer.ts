import type { Duplex, Readable } from 'node:stream'
import { PamError } from '../../../shared/errors.ts'
import type { Headers } from '../wire/headers.ts'

export interface UpstreamRequest {
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** All that is sent, but for the host and what belongs to the connection. */
  readonly headers: Headers
  readonly body: Buffer | StreamedBody | undefined
  /** Behind a body that is there as a whole. */
  readonly trailers?: Headers
  /** It is refused where the server speaks HTTP/1.1 alone. */
  readonly needsHttp2?: boolean
  /**
   * Somebody has approved just this request: it goes over a connection of its own (see `goesAlone`), which no server takes for idle, and is never sent again
   * where nobody has answered.
   */
  readonly once?: boolean
  /** Gives the request up. */
  readonly signal: AbortSignal
}

/** A body that is sent as it comes. */
export interface StreamedBody {
  readonly stream: Readable
  /** Undefined where nobody has said it. */
  readonly length: number | undefined
  /** What follows the body, once that has ended; an error where the request must not look whole. */
  readonly trailers?: () => Headers | Error
}

export const isStreamed = (body: UpstreamRequest['body']): body is StreamedBody =>
  body !== undefined && 'stream' in body

/** How the length of a body is told: in pieces where nobody knows it. */
export const lengthOf = (body: UpstreamRequest['body']): number | undefined => body?.length

export const trailersOf = ({ body, trailers = [] }: Pick<UpstreamRequest, 'body' | 'trailers'>): Headers | Error =>
  isStreamed(body) ? (body.trailers?.() ?? []) : trailers

export interface UpstreamAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Readable
  /** Once the body has ended: why it is not whole. A stream that is given up may look as if it had ended. */
  readonly cutOff?: () => Error | undefined
  /** Once the body has ended: what followed it. */
  readonly trailers?: () => Headers
  /** In HTTP/2: the head was all there is. */
  readonly isWhole?: boolean
}

/** The connection is no longer one of HTTP. */
export interface SwitchedProtocols {
  readonly status: 101
  readonly headers: Headers
  readonly stream: Duplex
}

/** Requests that may be sent again if nobody answered them. */
export const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

export const targetLeft = (): PamError =>
  new PamError('TARGET_LEFT', 'the target closed the connection', { side: 'upstream' })
