import type { Readable } from 'node:stream'
import { PamError, reasonOf } from '../../../shared/errors.ts'

/** A whole body. Throws where it is longer than the limit, comes too slowly, or is cut off, and what `take` throws. */
export async function readBody(body: Readable, { maxBytes, maxMs, left, take }: BodyLimits): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  return new Promise((resolve, reject) => {
    const done = (): void => {
      clearTimeout(timer)
      body.off('data', onData)
      body.off('end', onEnd)
      body.off('error', onCut)
      body.off('aborted', onCut)
      body.off('close', onCut)
      left.removeEventListener('abort', onCut)
    }
    const fail = (error: unknown): void => {
      done()
      body.pause()
      reject(error)
    }
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length
      chunks.push(chunk)
      if (bytes > maxBytes) return fail(new PamError('MESSAGE_TOO_LARGE', `the body is larger than ${maxBytes} bytes`))
      try {
        take(chunk.length)
      } catch (error) {
        fail(error)
      }
    }
    const onEnd = (): void => {
      // A stream that the client has given up may end as if it were whole.
      if (left.aborted || ('aborted' in body && body.aborted === true)) return onCut()
      done()
      resolve(Buffer.concat(chunks))
    }
    const onCut = (): void => fail(left.aborted && left.reason instanceof PamError ? reasonOf(left) : CUT)
    const timer = setTimeout(
      () => fail(new PamError('HANDSHAKE_TIMEOUT', 'the body of the request did not come in time')),
      maxMs,
    )
    if (left.aborted) return onCut()
    left.addEventListener('abort', onCut, { once: true })
    body.on('data', onData)
    body.on('end', onEnd)
    body.on('error', onCut)
    body.on('aborted', onCut)
    body.on('close', onCut)
  })
}

export interface BodyLimits {
  readonly maxBytes: number
  readonly maxMs: number
  /** Nobody waits for the answer any more. */
  readonly left: AbortSignal
  /** Told of each piece as it comes. */
  readonly take: (bytes: number) => void
}

const CUT = new PamError('CLIENT_LEFT', 'the request was cut off')
