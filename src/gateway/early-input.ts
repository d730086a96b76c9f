import type { Channel } from '../shared/channel.ts'
import { PamError } from '../shared/errors.ts'
import type { Session } from './engine.ts'

/** What came from a client while the gateway connected for it. */
export interface EarlyInput {
  readonly bytes: Buffer
  readonly hasEnded: boolean
}

/**
 * While the target is connected to, the client may leave: nobody needs the connection then. What it sends early waits, up to
 * a limit; one that sent all it has to say and closed its side is served.
 */
export function waitingClient(client: Channel, rest: Buffer, session: Session): () => EarlyInput {
  let bytes = rest
  let hasEnded = false
  const leave = (): void => session.end(clientLeft())
  client.handler = {
    data(more) {
      bytes = Buffer.concat([bytes, more])
      if (bytes.length > MAX_EARLY) client.pause()
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

/** The same for all: where each session ends so, where it was noticed says nothing. */
const CLIENT_LEFT = new PamError('CLIENT_LEFT', 'the client closed the connection')
export const clientLeft = (): PamError => CLIENT_LEFT

/** Bytes that a client may send before it is let in. */
const MAX_EARLY = 64 * 1024
