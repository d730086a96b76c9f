import type { Channel } from '../shared/channel.ts'
import { asPamError, type PamError } from '../shared/errors.ts'
import type { TunnelChannel, TunnelFrame } from '../tunnel/web-socket-channel.ts'
import type { LocalHalf } from '../protocols/local-half.ts'
import { refuseLocally } from './refuse-locally.ts'

export interface ForwardParts {
  readonly protocol: LocalHalf
  open(): Promise<TunnelChannel>
  /** Something the gateway says beside the bytes. */
  tell(frame: TunnelFrame): void
  failed(error: PamError): void
  closed(): void
}

/** One native connection through one tunnel, bytes both ways. The returned function ends it. */
export function forward(client: Channel, parts: ForwardParts): () => void {
  let tunnel: TunnelChannel | undefined
  let over = false
  const close = (): void => {
    if (over) return
    over = true
    client.destroy()
    tunnel?.destroy()
    parts.closed()
  }
  client.handler = { data() {}, drained() {}, ended() {}, closed: close }
  parts.open().then(
    (opened) => {
      if (over) return opened.destroy()
      tunnel = opened
      client.handler = {
        data: (bytes) => {
          if (!opened.write(bytes)) client.pause()
        },
        drained: () => opened.resume(),
        ended: () => opened.end(),
        closed: close,
      }
      opened.handler = {
        data: (bytes) => {
          if (!client.write(bytes)) opened.pause()
        },
        drained: () => client.resume(),
        ended: () => client.end(),
        // What was written to the client still has to arrive: a half-close first, the rest follows by itself.
        closed: () => {
          client.end()
          setTimeout(close, LINGER).unref()
        },
      }
      opened.onFrame = (frame) => parts.tell(frame)
      opened.resume()
      client.resume()
    },
    (error: unknown) => {
      const reason = asPamError(error)
      parts.failed(reason)
      if (over) return
      over = true
      parts.closed()
      refuseLocally(client, parts.protocol, reason)
    },
  )
  return close
}

const LINGER = 2000
