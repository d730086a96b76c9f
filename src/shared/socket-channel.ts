import type { Socket } from 'node:net'
import { idleHandler, type Channel } from './channel.ts'

/** A TCP, TLS or Unix socket as a Channel. */
export function socketChannel(socket: Socket): Channel {
  let failure: Error | undefined
  let over = socket.destroyed
  const channel: Channel = {
    handler: idleHandler,
    write: (bytes) => over || socket.write(bytes),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  }
  socket.setNoDelay(true)
  socket.pause()
  socket.on('data', (bytes: Buffer) => channel.handler.data(bytes))
  socket.on('drain', () => channel.handler.drained())
  socket.on('end', () => channel.handler.ended())
  socket.on('error', (error) => (failure = error))
  socket.on('close', () => {
    over = true
    channel.handler.closed(failure)
  })
  return channel
}
