import { Duplex } from 'node:stream'
import type { Channel } from './channel.ts'

/**
 * A channel as Node's libraries want a connection: a stream in both directions. It takes the channel's handler. It is for
 * protocols in which nobody half-closes a connection (SSH has an end of input for each channel): whoever sends nothing more
 * has gone, and the stream closes once what came before has been read.
 */
export function channelStream(channel: Channel, onData: (bytes: Buffer) => void = () => {}): Duplex {
  let drained: (() => void) | undefined
  let isReading = false
  const stream = new Duplex({
    allowHalfOpen: true,
    // Nobody listens for errors before a library does.
    emitClose: true,
    read() {
      if (isReading) return
      isReading = true
      channel.resume()
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
  }
  channel.handler = {
    data(bytes) {
      if (!stream.push(bytes)) {
        isReading = false
        channel.pause()
      }
      onData(bytes)
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
