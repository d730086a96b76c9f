import type { Writable } from 'node:stream'
import { PamError } from '../../../shared/errors.ts'
import type { Headers } from '../wire/headers.ts'
import { isStreamed, trailersOf, type UpstreamRequest } from './answer.ts'

/**
 * Sends a body, no faster than it is taken, and ends the request. One that breaks off gives up the request: what was sent of it must not look whole.
 * `trail` is told what follows the body, in front of its end.
 */
export function sendBody(
  sent: Pick<UpstreamRequest, 'body' | 'trailers'>,
  request: Writable,
  trail: (trailers: Headers) => void,
): void {
  const { body } = sent
  const end = (): void => {
    const trailers = trailersOf(sent)
    if (trailers instanceof Error) return void request.destroy(trailers)
    if (trailers.length > 0) trail(trailers)
    if (isStreamed(body) || body === undefined) request.end()
    else request.end(body)
  }
  if (!isStreamed(body)) return end()
  const { stream } = body
  const onCut = (error?: Error): void => {
    // A client that breaks off a body of chunks ends it, for the library, as if it were whole.
    if ('complete' in stream && stream.complete === true) return
    request.destroy(error instanceof PamError ? error : new Error('the body was cut off'))
  }
  // It may have broken off while the connection was opened.
  if (stream.destroyed && !stream.readableEnded) return onCut(stream.errored ?? undefined)
  stream.once('aborted', () => onCut())
  stream.once('error', onCut)
  stream.once('close', onCut)
  stream.once('end', () => {
    stream.off('close', onCut)
    end()
  })
  // What nobody wants any more is not read any more.
  request.once('close', () => stream.unpipe(request))
  stream.pipe(request, { end: false })
}
