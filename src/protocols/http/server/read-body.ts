import type { Readable } from 'node:stream'
import { PamError, reasonOf } from '../../../shared/errors.ts'
import { valueOf, type Headers } from '../wire/headers.ts'
import type { Exchange } from './exchange.ts'

/** A whole body. Throws where it is longer than the limit, comes too slowly, or is cut off, and what `take` throws. */
export async function readBody(body: Readable, limits: BodyLimits): Promise<Buffer> {
  const { bytes, isWhole } = await readUpTo(body, limits)
  if (isWhole) return bytes
  throw new PamError('MESSAGE_TOO_LARGE', `the body is larger than ${limits.maxBytes} bytes`)
}

/**
 * A whole body; undefined where it is longer than the limit: nothing of it is lost then, and the stream gives it from its beginning. What says that it
 * is longer is not read at all.
 */
export async function readBodyIfShort(
  exchange: Pick<Exchange, 'body' | 'isHeadAlone'> & { readonly request: { readonly headers: Headers } },
  limits: BodyLimits,
): Promise<Buffer | undefined> {
  if (Number(valueOf(exchange.request.headers, 'content-length') ?? 0) > limits.maxBytes) return undefined
  if (exchange.isHeadAlone === true && !limits.left.aborted) return NOTHING
  const { body } = exchange
  if (isThere(body) && body.readableLength === 0 && !limits.left.aborted) return NOTHING
  const { bytes, isWhole } = await readUpTo(body, limits)
  if (isWhole) return bytes
  body.unshift(bytes)
  return undefined
}

/** Whether nothing more of it will come, as Node says of a message whose end it has read (`IncomingMessage.complete`). */
const isThere = (body: Readable): boolean =>
  'complete' in body && body.complete === true && !body.destroyed && !('aborted' in body && body.aborted === true)

interface BodyStart {
  readonly bytes: Buffer
  readonly isWhole: boolean
}

/** Stops behind the piece that makes it longer than the limit. Throws where it comes too slowly, or is cut off, and what `take` throws. */
function readUpTo(body: Readable, { maxBytes, maxMs, left, take }: BodyLimits): Promise<BodyStart> {
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
    const resolveWith = (isWhole: boolean): void => {
      done()
      resolve({ bytes: Buffer.concat(chunks), isWhole })
    }
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length
      chunks.push(chunk)
      if (bytes > maxBytes) {
        body.pause()
        return resolveWith(false)
      }
      try {
        take(chunk.length)
      } catch (error) {
        fail(error)
      }
    }
    const onEnd = (): void => {
      // A stream that the client has given up may end as if it were whole.
      if (left.aborted || ('aborted' in body && body.aborted === true)) return onCut()
      resolveWith(true)
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

const NOTHING = Buffer.alloc(0)
const CUT = new PamError('CLIENT_LEFT', 'the request was cut off')
