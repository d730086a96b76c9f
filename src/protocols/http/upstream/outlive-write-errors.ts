import type { Duplex } from 'node:stream'

/**
 * Keeps what a server said before it closed readable. A server may answer and close without having read everything, and the next write to it
 * fails; Node destroys a stream whose write fails, with what has arrived and was not read yet. The failure is left to reading, which
 * comes to it after the last byte.
 */
export function outliveWriteErrors<S extends Duplex>(stream: S): S {
  const write = stream._write.bind(stream)
  stream._write = (chunk, encoding, done) => write(chunk, encoding, () => done())
  const writev = stream._writev?.bind(stream)
  if (writev !== undefined) stream._writev = (chunks, done) => writev(chunks, () => done())
  return stream
}
