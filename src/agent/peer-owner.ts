import { readFileSync } from 'node:fs'

/** Who owns the other end of a local connection: a user id, `unknown` where the system does not tell. */
export type PeerOwner = number | 'unknown' | 'gone'

/**
 * Linux lists every TCP socket with its owner in /proc/net/tcp: the peer's socket is the one whose local address is
 * our remote one. A socket that its process has closed is listed with owner 0, so only open ones count.
 * Source: Documentation/networking/proc_net_tcp.rst in the kernel.
 */
export function peerOwner(peerPort: number, ownPort: number, read: () => string | undefined = readTable): PeerOwner {
  const table = read()
  if (table === undefined) return 'unknown'
  const local = `0100007F:${hexPort(peerPort)}`
  const remote = `0100007F:${hexPort(ownPort)}`
  for (const line of table.split('\n').slice(1)) {
    const [, localAddress, remoteAddress, state, , , , uid, , inode] = line.trim().split(/\s+/)
    if (localAddress !== local || remoteAddress !== remote) continue
    return (state === ESTABLISHED || state === FIN_WAIT_2) && inode !== '0' ? Number(uid) : 'gone'
  }
  return 'gone'
}

function readTable(): string | undefined {
  try {
    return readFileSync('/proc/net/tcp', 'latin1')
  } catch {
    return undefined
  }
}

const hexPort = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')
const ESTABLISHED = '01'
const FIN_WAIT_2 = '05'
