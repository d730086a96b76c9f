import type { Link } from '../../http/upgrade/link.ts'
import { decodeChannelMessage, encodeChannelData, encodeChannelEnd } from '../wire/channel-message.ts'
import type { ChannelConnection } from './channel-connection.ts'

/** Channels as messages of a WebSocket: the first byte says which. */
export const webSocketChannels = (link: Link, version: 4 | 5): ChannelConnection => ({
  async read(handler) {
    for await (const piece of link.pieces) {
      const message = decodeChannelMessage(piece, version)
      if (message.type === 'end') handler.ended(message.channel)
      else if (message.type === 'data') await handler.data(message.channel, message.bytes)
    }
  },
  open: () => Promise.resolve(),
  write: (channel, bytes) => link.write(encodeChannelData(channel, bytes)),
  drained: () => link.drained(),
  end(channel) {
    // Before v5 nobody can say so: whoever waits for the end of input waits for the end of the connection.
    if (version === 5 && channel === 'stdin') link.write(encodeChannelEnd(channel))
  },
  close: () => link.close(),
  destroy: () => link.destroy(),
})
