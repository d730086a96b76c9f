import type { Socket } from 'node:net'
import { isIPv6 } from 'node:net'

/** What of a connection names it, before and after its TLS handshake. */
type Peer = Pick<Socket, 'remoteAddress' | 'remotePort'>

/**
 * Limits how many connections an address may hold of which nothing is known yet: none has been answered, and none is signed in.
 * Silent ones, slow ones and stalled TLS handshakes cannot take all descriptors of the gateway; the deadlines of the server
 * close them. A proxy in front, whose connections carry calls, is not limited by it.
 */
export class PendingConnections {
  readonly #most: () => number
  /** Ports by address. */
  readonly #pending = new Map<string, Set<number>>()

  constructor(most: () => number) {
    this.#most = most
  }

  /** Closes the connection where its address has too many; counts it otherwise. */
  admit(socket: Socket): void {
    const address = groupOf(socket.remoteAddress)
    const { remotePort } = socket
    const ports = this.#pending.get(address) ?? new Set()
    if (remotePort === undefined || ports.size >= this.#most()) {
      socket.destroy()
      return
    }
    ports.add(remotePort)
    this.#pending.set(address, ports)
    socket.once('close', () => this.#forget(address, remotePort))
  }

  /** A call on it was answered, or its caller is known. */
  settled({ remoteAddress, remotePort }: Peer): void {
    if (remotePort !== undefined) this.#forget(groupOf(remoteAddress), remotePort)
  }

  #forget(address: string, port: number): void {
    const ports = this.#pending.get(address)
    ports?.delete(port)
    if (ports?.size === 0) this.#pending.delete(address)
  }
}

/** An IPv4 address; of IPv6 the first 64 bits, which one network has for itself. */
export function groupOf(address = ''): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped !== null) return mapped[1] ?? ''
  if (!isIPv6(address)) return address
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const first = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - first.length - rest.length }, () => '0')
  return [...first, ...zeros, ...rest]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
