import type { Channel } from '../shared/channel.ts'
import { asPamError, fromErrorBody, PamError } from '../shared/errors.ts'
import type { TunnelChannel, TunnelFrame } from '../tunnel/web-socket-channel.ts'
import type { LocalHalf } from '../protocols/local-half.ts'
import { FewAtATime } from './few-at-a-time.ts'
import { refuseLocally } from './refuse-locally.ts'

export interface ForwardParts {
  readonly protocol: LocalHalf
  /** What the gateway is told before the client's bytes. */
  readonly announcement?: Buffer | undefined
  open(): Promise<TunnelChannel>
  /** A message of the gateway beside the bytes. */
  tell(frame: TunnelFrame): void
  /** The connection was refused or cut off, and not by the gateway. `isTold`: the client reads why in its own protocol. */
  failed(error: PamError, isTold: boolean): void
  closed(): void
}

/**
 * Forwards one native connection through one tunnel. The returned function ends it, and tells the client why if its protocol allows a
 * message at this moment.
 */
export function forward(client: Channel, parts: ForwardParts): (reason: PamError) => void {
  const progress = parts.protocol.follow()
  let tunnel: TunnelChannel | undefined
  let over = false
  /** The server has closed its sending side: no message can follow. */
  let isClosing = false
  /** The reason for the end that the gateway gave. */
  let ended: TunnelFrame | undefined
  const finish = (): void => {
    over = true
    tunnel?.destroy()
    parts.closed()
  }
  const close = (): void => {
    if (over) return
    client.destroy()
    finish()
  }
  /** Closes the sending side only, so that what was written still reaches the client; the rest follows by itself. */
  const closeSoon = (): void => {
    client.end()
    setTimeout(close, LINGER_MS).unref()
  }
  const cutOff = (reason: PamError): void => {
    if (over) return
    const opening = isClosing ? undefined : progress.opening()
    parts.failed(reason, opening !== undefined)
    finish()
    if (opening !== undefined) return refuseLocally(client, opening, reason, { unanswered: opening.unanswered })
    client.end()
    setTimeout(() => client.destroy(), LINGER_MS).unref()
  }
  client.handler = { data() {}, drained() {}, ended() {}, closed: close }
  parts.open().then(
    (opened) => {
      if (over) return opened.destroy()
      tunnel = opened
      client.handler = {
        data: (bytes) => {
          progress.fromClient(bytes)
          if (!opened.write(bytes)) client.pause()
        },
        drained: () => opened.resume(),
        ended: () => opened.end(),
        closed: close,
      }
      opened.handler = {
        data: (bytes) => {
          if (over || isClosing) return
          progress.fromServer(bytes)
          if (!client.write(bytes)) opened.pause()
        },
        drained: () => client.resume(),
        ended: () => {
          isClosing = true
          // While a thousand clients are told, the other connections are served in between.
          goodbyes.add(() => {
            if (!over) client.end()
          })
        },
        closed: () => {
          if (over) return
          if (ended === undefined && !isClosing) return cutOff(lost())
          // The gateway tells the client itself, unless it ended before it began to speak the protocol.
          const opening = progress.isSilent ? progress.opening() : undefined
          if (ended === undefined || isClosing || opening === undefined) return closeSoon()
          finish()
          refuseLocally(client, opening, fromErrorBody(ended), { unanswered: opening.unanswered })
        },
      }
      opened.onFrame = (frame) => {
        if (frame.type === 'ended') ended = frame
        parts.tell(frame)
      }
      if (parts.announcement !== undefined) opened.write(parts.announcement)
      opened.resume()
      client.resume()
    },
    (error: unknown) => cutOff(asPamError(error)),
  )
  return cutOff
}

const lost = (): PamError =>
  new PamError('GATEWAY_LOST', 'the connection to the gateway was lost', {
    hint: 'connect again; it is not known whether what was running has finished',
  })

/** Connections closed in one turn of the event loop: each costs at least one system call. */
const goodbyes = new FewAtATime(64)
const LINGER_MS = 2000
