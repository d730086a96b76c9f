import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { PamError } from '../shared/errors.ts'

/** Servers of one port, on each address of loopback that the system has. */
export interface PortServers {
  readonly servers: readonly Server[]
  readonly port: number
}

/**
 * Listens on the wanted port, or else on the usual one, one of those behind it or any. Both addresses have it: PORT_TAKEN where none can be had.
 */
export async function listenOnPort(
  serve: (socket: Socket) => void,
  wanted: number | undefined,
  usual: number,
): Promise<PortServers> {
  const candidates =
    wanted === undefined
      ? [usual, ...Array.from({ length: 20 }, (_, i) => nextPort(usual + i)), ...Array<number>(5).fill(0)]
      : [wanted]
  for (const candidate of candidates) {
    const first = await tryListening(serve, '127.0.0.1', candidate)
    if (typeof first === 'string') continue
    const { port } = first.address() as AddressInfo
    const second = await tryListening(serve, '::1', port)
    if (second === 'no such address') return { servers: [first], port }
    if (second !== 'in use') return { servers: [first, second], port }
    first.close()
  }
  throw new PamError('PORT_TAKEN', `port ${wanted ?? usual} is in use by another program`, {
    hint: 'choose another --port, or leave it out',
  })
}

async function tryListening(
  serve: (socket: Socket) => void,
  host: string,
  port: number,
): Promise<Server | 'in use' | 'no such address'> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, serve)
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, exclusive: true }, () => {
        server.removeListener('error', reject)
        resolve()
      })
    })
    return server
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE' || code === 'EACCES') return 'in use'
    if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return 'no such address'
    throw error
  }
}

const nextPort = (port: number): number => (port >= 31_999 ? 20_000 : port + 1)
