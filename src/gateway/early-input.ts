import type { Channel } from '../shared/channel.ts'
import { PamError } from '../shared/errors.ts'
import type { Session } from './engine.ts'

/** Bytes that a client sent while the gateway was connecting to the target. */
export interface EarlyInput {
  readonly bytes: Buffer
  readonly hasEnded: boolean
}

/**
 * Watches the client while the gateway connects to the target. A client that leaves aborts the attempt; bytes that it sends early are kept,
 * up to a limit. A client that only closed its sending side is still served.
 */
export function waitingClient(client: Channel, rest: Buffer, session: Session): () => EarlyInput {
  let bytes = rest
  let hasEnded = false
  const leave = (): void => session.end(clientLeft())
  client.handler = {
    data(more) {
      bytes = Buffer.concat([bytes, more])
      if (bytes.length > MAX_EARLY_BYTES) client.pause()
    },
    drained() {},
    ended() {
      hasEnded = true
      if (bytes.length === 0) leave()
    },
    closed: leave,
  }
  client.resume()
  return () => {
    client.pause()
    return { bytes, hasEnded }
  }
}

/** One error for all: its stack would say nothing. */
const CLIENT_LEFT = new PamError('CLIENT_LEFT', 'the client closed the connection')
export const clientLeft = (): PamError => CLIENT_LEFT

/** Bytes that a client may send before its session begins. */
const MAX_EARLY_BYTES = 64 * 1024
