import type { Duplex } from 'node:stream'

/** Pieces of bytes in both directions, with backpressure: a connection on which HTTP is over, or what is spoken on one. */
export interface Link {
  /** Ends where the other side is gone, however that was. */
  readonly pieces: AsyncIterable<Buffer>
  /** False where the other side does not keep up: `drained` says when it does. */
  write(piece: Buffer): boolean
  /** Resolves also where the other side is gone. */
  drained(): Promise<void>
  /** What was written still arrives. */
  close(): void
  /** At once. */
  destroy(): void
}

export function duplexLink(stream: Duplex): Link {
  stream.on('error', () => {})
  return {
    pieces: piecesOf(stream),
    write: (piece) => !stream.writable || stream.write(piece),
    drained: () =>
      new Promise((resolve) => {
        if (!stream.writable || !stream.writableNeedDrain) return resolve()
        const done = (): void => {
          stream.off('drain', done)
          stream.off('close', done)
          resolve()
        }
        stream.on('drain', done)
        stream.on('close', done)
      }),
    close() {
      stream.end()
      // What the other side still says is read no more, and it need not close its end.
      stream.resume()
      const timer = setTimeout(() => stream.destroy(), LINGER_MS)
      stream.once('close', () => clearTimeout(timer))
    },
    destroy: () => stream.destroy(),
  }
}

/** All that has come, also where the connection then breaks: iterating over a stream gives up what is buffered once it is destroyed. */
async function* piecesOf(stream: Duplex): AsyncGenerator<Buffer> {
  let wake = (): void => {}
  const onChange = (): void => wake()
  for (const event of CHANGES) stream.on(event, onChange)
  try {
    for (;;) {
      const piece = stream.read() as Buffer | null
      if (piece !== null) yield piece
      else if (stream.readableEnded || stream.closed) return
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    for (const event of CHANGES) stream.off(event, onChange)
    // Node takes note in the next tick that nobody waits for `readable`, and does not flow before.
    if (stream.writableEnded) process.nextTick(() => stream.resume())
  }
}

const CHANGES = ['readable', 'end', 'close'] as const
const LINGER_MS = 2000
