import { connect, createServer } from 'node:net'

/**
 * Stands before a target and passes everything on. It knows when each of its connections last brought something to the target that is more
 * than a goodbye.
 */
export async function startWitness(to) {
  const seen = new Set()
  let awaited
  const server = createServer({ noDelay: true }, (near) => {
    const one = { opened: performance.now(), last: 0 }
    seen.add(one)
    const far = connect({ host: '127.0.0.1', port: to, noDelay: true })
    near.on('data', (bytes) => {
      if (!bytes.equals(TERMINATE)) one.last = performance.now()
      if (awaited !== undefined && bytes.includes(awaited.text)) {
        awaited.resolve(performance.now())
        awaited = undefined
      }
      far.write(bytes)
    })
    far.on('data', (bytes) => void near.write(bytes))
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ]) {
      socket.on('error', () => {})
      socket.on('close', () => other.destroy())
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: server.address().port,
    /** Of each connection that was there before, how long after a moment the last byte came: 0 where none came. */
    lastAfter: (moment) =>
      [...seen].filter(({ opened }) => opened < moment).map(({ last }) => Math.max(0, last - moment)),
    /** When bytes come next that have this text in them. */
    next: (text) => new Promise((resolve) => (awaited = { text, resolve })),
    close: () => server.close(),
  }
}

const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4])
