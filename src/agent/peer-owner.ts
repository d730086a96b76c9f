import { closeSync, openSync, readSync } from 'node:fs'

/** Who owns the other end of a local connection: a user id, `unknown` where the system does not tell. */
export type PeerOwner = number | 'unknown' | 'gone'

/**
 * Linux lists every TCP socket with its owner in /proc/net/tcp: the peer's socket is the one whose local address is
 * our remote one. A socket that its process has closed is listed with owner 0, so only open ones count. The kernel makes the
 * list as it is read, which takes milliseconds where there are thousands of sockets: nothing behind the line is read.
 * It is no picture of one moment: where sockets come and go while it is read a line can be missed, so who is not found is looked
 * for again.
 * Source: Documentation/networking/proc_net_tcp.rst in the kernel.
 */
export function peerOwner(
  peerPort: number,
  ownPort: number,
  read: () => Iterable<string> | undefined = readTable,
): PeerOwner {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const table = read()
    if (table === undefined) return 'unknown'
    const owner = ownerFrom(table, peerPort, ownPort)
    if (owner !== undefined) return owner
  }
  return 'gone'
}

/** Undefined where there is no such line. */
function ownerFrom(table: Iterable<string>, peerPort: number, ownPort: number): PeerOwner | undefined {
  const wanted = ` 0100007F:${hexPort(peerPort)} 0100007F:${hexPort(ownPort)} `
  let rest = ''
  for (const piece of table) {
    const text = rest + piece
    const at = text.indexOf(wanted)
    const end = at < 0 ? -1 : text.indexOf('\n', at)
    if (end >= 0) return ownerIn(text.slice(text.lastIndexOf('\n', at) + 1, end))
    rest = text.slice(text.lastIndexOf('\n') + 1)
  }
  return rest.includes(wanted) ? ownerIn(rest) : undefined
}

function ownerIn(line: string): PeerOwner {
  const [, , , state, , , , uid, , inode] = line.trim().split(/\s+/)
  return (state === ESTABLISHED || state === FIN_WAIT_2) && inode !== '0' ? Number(uid) : 'gone'
}

/** In pieces, as they are asked for; undefined where there is no such list. */
function readTable(): Iterable<string> | undefined {
  let handle: number
  try {
    handle = openSync('/proc/net/tcp', 'r')
  } catch {
    return undefined
  }
  return pieces(handle)
}

function* pieces(handle: number): Generator<string, void, undefined> {
  const buffer = Buffer.allocUnsafe(16_384)
  try {
    for (let length; (length = readSync(handle, buffer, 0, buffer.length, null)) > 0;)
      yield buffer.toString('latin1', 0, length)
  } finally {
    closeSync(handle)
  }
}

const hexPort = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')
const ATTEMPTS = 3
const ESTABLISHED = '01'
const FIN_WAIT_2 = '05'
