import type { Channel } from '../shared/channel.ts'
import type { PamError } from '../shared/errors.ts'
import { visible } from '../shared/visible.ts'
import type { LocalHalf } from '../protocols/local-half.ts'

export interface RefuseOptions {
  /** Milliseconds after which the connection is closed, whatever the client does. */
  readonly limit?: number
  readonly closed?: () => void
  /** Bytes of the client that were read before and not answered. */
  readonly unanswered?: Buffer
}

/**
 * Tells the client in its own protocol why it is refused or cut off, then closes. What the client still sends is read and discarded until
 * it has left: closing a socket with unread bytes resets the connection, and the client would lose the message.
 */
export function refuseLocally(
  client: Channel,
  protocol: Pick<LocalHalf, 'refuse'>,
  error: PamError,
  { limit = MAX_LINGER_MS, closed = () => {}, unanswered = Buffer.alloc(0) }: RefuseOptions = {},
): void {
  const timer = setTimeout(() => client.destroy(), limit)
  const reason = {
    message: visible(`pam: ${error.message}`),
    code: error.code,
    hint: error.hint === undefined ? undefined : visible(error.hint),
  }
  let bytes: Buffer = unanswered
  let isDone = false
  let replies = 0
  const answer = (): void => {
    try {
      while (!isDone) {
        const step = protocol.refuse(bytes, reason, replies)
        if (step === undefined) return
        replies++
        bytes = bytes.subarray(step.taken)
        isDone = step.done
        if (step.reply.length > 0) client.write(step.reply)
      }
    } catch {
      isDone = true // what it speaks is not the protocol: there is no way to tell it
    }
    bytes = Buffer.alloc(0)
    client.end()
  }
  client.handler = {
    data(chunk) {
      if (isDone) return
      bytes = Buffer.concat([bytes, chunk])
      answer()
    },
    drained() {},
    // The client sends nothing more that could be answered.
    ended: () => (isDone ? client.destroy() : client.end()),
    closed() {
      clearTimeout(timer)
      closed()
    },
  }
  answer()
  client.resume()
}

const MAX_LINGER_MS = 5000
