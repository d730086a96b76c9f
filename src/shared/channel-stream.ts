import { Duplex } from 'node:stream'
import type { Channel } from './channel.ts'

/**
 * A channel as Node's libraries want a connection: a stream in both directions. It takes the channel's handler. It is for
 * protocols in which nobody half-closes a connection (SSH has an end of input for each channel): whoever sends nothing more
 * has gone, and the stream closes once what came before has been read. Libraries answer whatever comes without a look at
 * backpressure, so a peer that does not read the answers is not read either.
 */
export function channelStream(channel: Channel, onData: (bytes: Buffer) => void = () => {}): Duplex {
  let drained: (() => void) | undefined
  let isReading = false
  /** The peer does not take what is answered. */
  let isHeld = false
  const stream = new Duplex({
    allowHalfOpen: true,
    // Nobody listens for errors before a library does.
    emitClose: true,
    read() {
      if (isReading) return
      isReading = true
      if (!isHeld) channel.resume()
    },
    write(bytes: Buffer, _encoding, done) {
      if (channel.write(bytes)) done()
      else drained = done
    },
    final(done) {
      channel.end()
      done()
    },
    destroy(error, done) {
      channel.destroy()
      done(error)
    },
  })
  const goOn = (): void => {
    const done = drained
    drained = undefined
    done?.()
    if (!isHeld || stream.writableLength > MAX_WAITING / 2) return
    isHeld = false
    if (isReading) channel.resume()
  }
  channel.handler = {
    data(bytes) {
      if (!stream.push(bytes)) {
        isReading = false
        channel.pause()
      }
      onData(bytes)
      if (isHeld || stream.writableLength <= MAX_WAITING) return
      isHeld = true
      channel.pause()
    },
    drained: goOn,
    ended: () => void stream.push(null),
    closed(error) {
      goOn()
      stream.push(null)
      stream.destroy(error)
    },
  }
  stream.on('error', () => {})
  stream.once('end', () => stream.destroy())
  return stream
}

/** Bytes that wait to be sent: more than the windows of many channels. */
const MAX_WAITING = 32 * 1024 * 1024
