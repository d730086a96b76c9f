/** Of a WebSocket, what the two ends of a tunnel need to notice that the other is gone without a word. */
interface Peer {
  readonly isPaused: boolean
  on(event: 'close' | 'ping', listener: () => void): unknown
  ping(): void
  terminate(): void
}

/** The connection below the WebSocket: whatever arrives on it, be it a part of a message, shows that the peer is there. */
interface Connection {
  readonly bytesRead: number
  readonly writableLength: number
}

/**
 * The gateway's end: pings, which an agent answers, so that a tunnel stays open through what sits between while a command is held. Closes it
 * where nothing is heard of the agent for three times as long.
 */
export function keepAlive(socket: Peer, connection: Connection): void {
  // Each is answered at once (RFC 6455, 5.5.2): one that asks on and on without reading would fill the memory.
  socket.on('ping', () => {
    if (connection.writableLength > MAX_UNREAD_BYTES) socket.terminate()
  })
  closeWhenSilent(socket, connection, () => socket.ping())
}

/** The agent's end: the gateway pings, and is gone where nothing is heard of it for three times as long. */
export function closeWhenSilent(socket: Peer, connection: Connection, wasLooked = (): void => {}): void {
  let missed = 0
  let read = connection.bytesRead
  let looking: NodeJS.Immediate | undefined
  const look = (): void => {
    // What would show that the peer is there waits unread in a socket that is not read from.
    const isThere = socket.isPaused || connection.bytesRead !== read
    read = connection.bytesRead
    missed = isThere ? 0 : missed + 1
    if (missed === MAX_MISSED) socket.terminate()
    else wasLooked()
  }
  // A process that did not run for a while (a busy machine, one that slept) finds its timers due before it reads what has arrived: that
  // is read first. However late a timer is, it is one.
  const timer = setInterval(() => {
    clearImmediate(looking)
    looking = setImmediate(look)
  }, LOOK_EVERY_MS)
  timer.unref()
  socket.on('close', () => {
    clearInterval(timer)
    clearImmediate(looking)
  })
}

/** More than anything else that waits in the connection of a tunnel. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024
const LOOK_EVERY_MS = 30_000
/** Looks in a row that find nothing: silence of 90 seconds to two minutes. */
const MAX_MISSED = 3
