import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A link to a loopback port that delivers in lumps: what came within so many milliseconds arrives in one read. */
export interface LumpyLink {
  readonly port: number
  /** Where it leads. */
  to: number
  close(): void
}

export async function lumpyLink(milliseconds: number): Promise<LumpyLink> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port: link.to, host: '127.0.0.1', allowHalfOpen: true })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      let lump: Buffer[] = []
      let hasEnded = false
      const timer = setInterval(() => {
        if (lump.length > 0) to.write(Buffer.concat(lump))
        lump = []
        if (hasEnded) {
          clearInterval(timer)
          to.end()
        }
      }, milliseconds)
      from.on('data', (bytes) => lump.push(bytes))
      from.on('end', () => (hasEnded = true))
      from.on('error', () => to.destroy())
      from.on('close', () => {
        if (!hasEnded) clearInterval(timer)
        sockets.delete(from)
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const link: LumpyLink = {
    port: (server.address() as AddressInfo).port,
    to: 0,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
  return link
}
