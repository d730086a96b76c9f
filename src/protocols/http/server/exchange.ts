import type { Duplex, Readable, Writable } from 'node:stream'
import type { PamError } from '../../../shared/errors.ts'
import type { Headers } from '../wire/headers.ts'
import type { PlainAnswer } from '../wire/http2-frames.ts'

/** The head of a request, whichever version of HTTP it came in. What is in here has passed `checkHead`. */
export interface RequestHead {
  readonly version: '1.1' | '2'
  readonly method: string
  /** Path and query, as sent. */
  readonly target: string
  /** The name that the client connects to, with its port where it gave one. */
  readonly host: string
  /** Without those of HTTP/2 that begin with a colon, and without `host`. */
  readonly headers: Headers
}

export interface AnswerHead {
  readonly status: number
  readonly headers: Headers
  /** In HTTP/2: the head ends the answer, as `Trailers-Only` of gRPC must. */
  readonly isWhole?: boolean
}

/** One request and the place for its answer. */
export interface Exchange {
  readonly request: RequestHead
  readonly body: Readable
  /** Nothing of a body is there, and nothing will come. */
  readonly isHeadAlone?: boolean
  /** What the client sent behind the body, once that has ended (RFC 9110, section 6.5); they have passed `checkTrailers`, or are why not. */
  readonly trailers: Headers | PamError
  /**
   * Aborts once nobody waits for the answer: the client gave up the request, or its connection is over. Requests that follow one another on a connection
   * may have one signal for all of them.
   */
  readonly left: AbortSignal
  readonly hasAnswered: boolean
  /** What the client wants to speak in place of HTTP on this connection; undefined where it wants nothing else. */
  readonly upgrade: string | undefined
  /** Sends the head at once. What is written to the stream is the body; its end is the end of the answer. */
  answer(head: AnswerHead): Writable
  /** Trailers to send at the end of the answer's body; called in front of that, once. False where the body can have none, being of a fixed length. */
  trail(trailers: Headers): boolean
  /** Where the client wants another protocol: says so, and gives the connection. */
  switchProtocols(headers: Headers): Duplex
  /** Gives up the answer in the middle: the client must see that it is not whole. */
  abandon(): void
}

/** What serves the requests of one connection. */
export interface HttpHandler {
  /** Resolves when the exchange is over. Never rejects. */
  serve(exchange: Exchange): Promise<void>
  /** How a client is told of what is wrong with its request, before anybody could serve it. */
  refusal(error: PamError): PlainAnswer
}

export interface HttpConnection {
  /** Resolves once it is over. */
  readonly closed: Promise<void>
  /** Takes no more requests; what has been answered still arrives. */
  close(): void
  destroy(): void
}
