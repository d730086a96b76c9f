import { randomBytes } from 'node:crypto'
import { encodeWebSocketMessage, WebSocketReader, type WebSocketMessage } from '../wire/websocket-frame.ts'
import type { Link } from './link.ts'

/**
 * A WebSocket as a link whose pieces are messages. Pings are answered; the close of the other side is answered and ends it. `peer`: who is at the
 * other end.
 */
export function webSocketLink(
  below: Link,
  { peer, maxBytes }: { readonly peer: 'client' | 'server'; readonly maxBytes: number },
): Link {
  let isClosed = false
  const send = (message: WebSocketMessage): boolean =>
    below.write(encodeWebSocketMessage(message, peer === 'server' ? randomBytes(4) : undefined))
  const close = (payload: Buffer): void => {
    if (isClosed) return
    isClosed = true
    send({ type: 'close', payload })
    below.close()
  }
  return {
    pieces: messages(),
    write: (payload) => isClosed || send({ type: 'binary', payload }),
    drained: () => below.drained(),
    close: () => close(NORMAL_CLOSURE),
    destroy: () => below.destroy(),
  }

  async function* messages(): AsyncGenerator<Buffer> {
    const reader = new WebSocketReader({ from: peer, maxBytes })
    for await (const chunk of below.pieces)
      for (const { type, payload } of reader.read(chunk)) {
        if (type === 'close') return close(payload.subarray(0, 2))
        if (type === 'ping' && !isClosed) send({ type: 'pong', payload })
        if (type === 'binary' || type === 'text') yield payload
      }
  }
}

/** 1000 */
const NORMAL_CLOSURE = Buffer.from([0x03, 0xe8])
