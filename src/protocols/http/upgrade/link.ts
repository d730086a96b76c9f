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

async function* piecesOf(stream: Duplex): AsyncGenerator<Buffer> {
  try {
    for await (const piece of stream.iterator({ destroyOnReturn: false })) yield piece as Buffer
  } catch {
    // That it broke off is how it ended.
  }
}

const LINGER_MS = 2000
