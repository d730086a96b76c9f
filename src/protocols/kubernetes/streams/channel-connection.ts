import type { ChannelName } from '../wire/channel-message.ts'

/** What the other side of an exec or attach does, in order: the next is read when this is done. */
export interface ChannelHandler {
  /** A client wants this channel. Where the transport has all of them at once, that is never asked. */
  opened(channel: ChannelName): Promise<void>
  data(channel: ChannelName, bytes: Buffer): void | Promise<void>
  /** Nothing more comes on this channel. */
  ended(channel: ChannelName): void
}

/** One side of an exec or attach: its channels, whatever carries them. */
export interface ChannelConnection {
  /** Resolves when the other side is gone; rejects where it sends what the transport does not have. */
  read(handler: ChannelHandler): Promise<void>
  /** Towards a server: asks for a channel. Resolves once it is there; rejects where the server refuses it. */
  open(channel: ChannelName): Promise<void>
  /** False where the other side does not keep up. */
  write(channel: ChannelName, bytes: Buffer): boolean
  drained(): Promise<void>
  /** Nothing more is written to this channel. */
  end(channel: ChannelName): void
  /** What was written still arrives. */
  close(): void
  destroy(): void
}
