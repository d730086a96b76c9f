import type { Socket } from 'node:net'
import { isIPv6 } from 'node:net'
import { unmapped } from '../shared/networks.ts'

/** What of a connection names it, before and after its TLS handshake. */
type Peer = Pick<Socket, 'remoteAddress' | 'remotePort'>

/**
 * Limits what an address may hold before it is known who calls: so many connections, each for so long, whatever was answered on
 * them. Silent ones, slow ones, stalled TLS handshakes, and answers that nobody reads cannot take all descriptors and memory of
 * the gateway. A proxy in front whose connections carry calls of people who are signed in is limited by those alone that do not.
 */
export class PendingConnections {
  readonly #most: (address: string) => number
  readonly #lifetime: number
  /** What ends each of them, by address and port. */
  readonly #pending = new Map<string, Map<number, NodeJS.Timeout>>()

  /** `most`: how many an address may have. `lifetime`: milliseconds that a connection may last while its caller is not known. */
  constructor(most: (address: string) => number, lifetime: number) {
    this.#most = most
    this.#lifetime = lifetime
  }

  /** Closes the connection where its address has too many; counts it otherwise. */
  admit(socket: Socket): void {
    const address = groupOf(socket.remoteAddress)
    const { remotePort } = socket
    const ports = this.#pending.get(address) ?? new Map<number, NodeJS.Timeout>()
    if (remotePort === undefined || ports.size >= this.#most(socket.remoteAddress ?? '')) {
      socket.destroy()
      return
    }
    ports.set(remotePort, setTimeout(() => socket.destroy(), this.#lifetime).unref())
    this.#pending.set(address, ports)
    socket.once('close', () => this.#forget(address, remotePort))
  }

  /** Its caller is known. */
  settled({ remoteAddress, remotePort }: Peer): void {
    if (remotePort !== undefined) this.#forget(groupOf(remoteAddress), remotePort)
  }

  /** Nobody is known to call on it. */
  isPending({ remoteAddress, remotePort }: Peer): boolean {
    return remotePort !== undefined && this.#pending.get(groupOf(remoteAddress))?.has(remotePort) === true
  }

  #forget(address: string, port: number): void {
    const ports = this.#pending.get(address)
    clearTimeout(ports?.get(port))
    ports?.delete(port)
    if (ports?.size === 0) this.#pending.delete(address)
  }
}

/** An IPv4 address; of IPv6 the first 64 bits, which one network has for itself. */
export function groupOf(address = ''): string {
  const plain = unmapped(address)
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = (plain.split('%')[0] ?? '').split('::')
  const first = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - first.length - rest.length }, () => '0')
  return [...first, ...zeros, ...rest]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
