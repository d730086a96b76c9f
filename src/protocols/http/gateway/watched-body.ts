import type { Readable } from 'node:stream'
import { PamError } from '../../../shared/errors.ts'

/** A body that is sent on as it comes: a client that sends nothing for too long, while it could, is given up. */
export function watchedBody(body: Readable, fail: (error: Error) => void): Readable {
  const arm = (): NodeJS.Timeout => setTimeout(check, IDLE_MS)
  const check = (): void => {
    // It waits for the target, which does not take more.
    if (body.isPaused()) timer = arm()
    else fail(new PamError('HANDSHAKE_TIMEOUT', 'the body of the request did not continue in time'))
  }
  let timer = arm()
  body.on('data', () => timer.refresh())
  body.once('end', () => clearTimeout(timer))
  body.once('close', () => clearTimeout(timer))
  // Whoever sends it on says when.
  body.pause()
  return body
}

const IDLE_MS = 60_000
