/**
 * A byte stream in both directions with backpressure, the one shape that sockets and tunnels have in the relay.
 * It starts paused; nothing is read before a handler is attached and `resume` is called.
 */
export interface Channel {
  handler: ChannelHandler
  /** Sends bytes; the channel owns them now. False means: wait for `drained` before sending more. */
  write(bytes: Uint8Array): boolean
  pause(): void
  resume(): void
  /** Half-closes: what was written still arrives, then the end. */
  end(): void
  /** Closes both directions at once. */
  destroy(): void
}

export interface ChannelHandler {
  data(bytes: Buffer): void
  /** A full buffer has emptied. */
  drained(): void
  /** The peer half-closed: it sends nothing more. */
  ended(): void
  /** Both directions are over. Called once. */
  closed(error?: Error): void
}

export const idleHandler: ChannelHandler = { data() {}, drained() {}, ended() {}, closed() {} }
