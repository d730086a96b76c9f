import type { Writable } from 'node:stream'
import { isStreamed, type UpstreamRequest } from './answer.ts'

/** Sends a body, no faster than it is taken. One that breaks off gives up the request: what was sent of it must not look whole. */
export function sendBody(body: UpstreamRequest['body'], request: Writable): void {
  if (!isStreamed(body)) return void request.end(body)
  const { stream } = body
  const onCut = (): void => {
    // A client that breaks off a body of chunks ends it, for the library, as if it were whole.
    if (!('complete' in stream) || stream.complete !== true) request.destroy(new Error('the body was cut off'))
  }
  stream.once('aborted', onCut)
  stream.once('error', onCut)
  stream.once('close', onCut)
  stream.once('end', () => {
    stream.off('close', onCut)
    request.end()
  })
  // What nobody wants any more is not read any more.
  request.once('close', () => stream.unpipe(request))
  stream.pipe(request, { end: false })
}
