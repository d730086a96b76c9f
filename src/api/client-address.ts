import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { unmapped, type Networks } from '../shared/networks.ts'

/**
 * The address that a request comes from: the peer's, or where the peer is a trusted proxy, the nearest one in `X-Forwarded-For` that
 * is none. Each proxy adds the address it was called from at the end, so what a client wrote itself stands to the left of the first
 * address that counts. An entry that is no address ends the search at the proxy that sent it.
 */
export function clientAddress(request: Pick<IncomingMessage, 'headers' | 'socket'>, proxies: Networks): string {
  let address = unmapped(request.socket.remoteAddress ?? '')
  const forwarded = request.headers['x-forwarded-for']
  const hops = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? '')).split(',')
  while (proxies.has(address)) {
    const hop = addressIn(hops.pop()?.trim() ?? '')
    if (hop === undefined) break
    address = hop
  }
  return address
}

/** Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function addressIn(hop: string): string | undefined {
  const [, bracketed, plain] = /^\[([^\]]+)\](?::\d+)?$|^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(hop) ?? []
  const address = unmapped(bracketed ?? plain ?? hop)
  return isIP(address) === 0 ? undefined : address
}
