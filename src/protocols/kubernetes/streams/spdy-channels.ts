import { WireError } from '../../../wire/wire-error.ts'
import type { Link } from '../../http/upgrade/link.ts'
import { CHANNELS, type ChannelName } from '../wire/channel-message.ts'
import { SPDY_REFUSED_STREAM } from '../wire/spdy-frame.ts'
import type { ChannelConnection } from './channel-connection.ts'
import { SpdyConnection } from './spdy-connection.ts'

/** Channels as streams of SPDY, each with its name in a header. `peer`: who is at the other end. */
export function spdyChannels(link: Link, peer: 'client' | 'server'): ChannelConnection {
  const connection = new SpdyConnection(link, peer)
  const streams = new Map<ChannelName, number>()
  const names = new Map<number, ChannelName>()
  const waiting = new Map<number, { resolve(): void; reject(error: Error): void }>()
  let hasEnded = false
  const nameOf = (stream: number): ChannelName => {
    const name = names.get(stream)
    if (name === undefined) throw new WireError('a stream without a channel')
    return name
  }
  const add = (channel: ChannelName, stream: number): void => {
    streams.set(channel, stream)
    names.set(stream, channel)
  }
  return {
    async read(handler) {
      try {
        await connection.read({
          async opened(stream, headers) {
            const channel = CHANNELS.find((name) => name === headers.get('streamtype'))
            if (channel === undefined || streams.has(channel))
              throw new WireError('a stream that does not belong to exec or attach')
            add(channel, stream)
            try {
              await handler.opened(channel)
            } catch {
              return connection.reset(stream, SPDY_REFUSED_STREAM)
            }
            connection.reply(stream)
          },
          replied: (stream) => waiting.get(stream)?.resolve(),
          data: (stream, bytes) => handler.data(nameOf(stream), bytes),
          ended: (stream) => handler.ended(nameOf(stream)),
          reset(stream) {
            const opening = waiting.get(stream)
            if (opening === undefined) handler.ended(nameOf(stream))
            else opening.reject(new WireError('the target refuses a stream'))
          },
        })
      } finally {
        hasEnded = true
        for (const opening of waiting.values()) opening.reject(targetClosed())
      }
    },
    async open(channel) {
      const stream = connection.open(new Map([['streamtype', channel]]))
      add(channel, stream)
      if (hasEnded) throw targetClosed()
      try {
        await new Promise<void>((resolve, reject) => waiting.set(stream, { resolve, reject }))
      } finally {
        waiting.delete(stream)
      }
    },
    write(channel, bytes) {
      const stream = streams.get(channel)
      return stream === undefined || connection.data(stream, bytes)
    },
    drained: () => connection.drained(),
    end(channel) {
      const stream = streams.get(channel)
      if (stream !== undefined) connection.end(stream)
    },
    close: () => connection.close(),
    destroy: () => connection.destroy(),
  }
}

const targetClosed = (): WireError => new WireError('the target closed the connection')
