import type { Channel } from '../shared/channel.ts'
import type { PamError } from '../shared/errors.ts'
import { visible } from '../shared/visible.ts'
import type { LocalHalf } from '../protocols/local-half.ts'

export interface RefuseOptions {
  /** Milliseconds after which it is closed, whatever it does. */
  readonly limit?: number
  readonly closed?: () => void
  /** What was read of the client before and was not answered. */
  readonly unanswered?: Buffer
}

/**
 * Tells the client in its own protocol why it is turned away or cut off, then closes. What the client goes on sending is read and dropped until
 * it has left: closing a socket with unread bytes resets the connection, and the client loses the message.
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
    // Nothing more comes that could be answered.
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
