/** Of a WebSocket, what the two ends of a tunnel need to notice that the other is gone without a word. */
interface Peer {
  readonly isPaused: boolean
  on(event: 'ping' | 'pong' | 'close', listener: () => void): unknown
  ping(): void
  terminate(): void
}

/**
 * The gateway's end: pings, so that a tunnel stays open through what sits between while a command is held, and closes it
 * where a ping is not answered before the next is due.
 */
export function keepAlive(socket: Peer): void {
  let isAlive = true
  socket.on('pong', () => (isAlive = true))
  const timer = setInterval(() => {
    // The answer waits unread in a socket that is not read from.
    if (!isAlive && !socket.isPaused) return socket.terminate()
    isAlive = socket.isPaused
    socket.ping()
  }, PING_EVERY_MS)
  timer.unref()
  socket.on('close', () => clearInterval(timer))
}

/** The agent's end: the gateway pings, and is gone where nothing is heard of it for three times as long. */
export function closeWhenSilent(socket: Peer): void {
  let missed = 0
  socket.on('ping', () => (missed = 0))
  const timer = setInterval(() => {
    if (socket.isPaused) missed = 0
    else if (++missed > MAX_MISSED) socket.terminate()
  }, PING_EVERY_MS)
  timer.unref()
  socket.on('close', () => clearInterval(timer))
}

const PING_EVERY_MS = 30_000
const MAX_MISSED = 3
