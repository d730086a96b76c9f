import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { endianness } from 'node:os'

/** Who owns the other end of a local connection: a user id, or `unknown` where the system does not say. */
export type PeerOwner = number | 'unknown' | 'gone'

/** One end of a connection, as Node names it. */
export interface Endpoint {
  readonly address: string
  readonly port: number
}

type Family = 'tcp' | 'tcp6'
/** A table in /proc, read in pieces on demand; undefined where it does not exist. */
export type ReadTable = (family: Family) => Iterable<string> | undefined

/**
 * Linux lists every TCP socket of a network namespace with its owner: those of AF_INET in /proc/net/tcp, those of AF_INET6 in
 * /proc/net/tcp6. The peer's socket is the one whose local address is our remote one, and the other way round: both addresses and
 * both ports are compared. A dual-stack socket (every socket of a JVM) that speaks IPv4 is listed in tcp6, with IPv4-mapped addresses.
 *
 * A socket that its process has closed is listed with owner 0 and without an inode, so only open ones count. The kernel makes
 * a list as it is read, which takes milliseconds where there are thousands of sockets: nothing behind the line is read, and
 * nothing beyond MAX_TABLE_BYTES. The list is not a snapshot: a line can be missed where sockets come and go while it is read, so a peer
 * that is not found is looked for again.
 *
 * Netlink's sock_diag would answer for one connection, but Node reaches no netlink socket without native code.
 * Source: Documentation/networking/proc_net_tcp.rst in the kernel.
 */
export function peerOwner(peer: Endpoint, own: Endpoint, read: ReadTable = readTable): PeerOwner {
  if (!mapsEveryUser()) return 'unknown'
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const found = new Set<'closed' | 'not listed' | 'no table'>()
    for (const family of FAMILIES) {
      const owner = ownerIn(family, peer, own, read)
      if (typeof owner === 'number') return owner
      found.add(owner)
    }
    if (found.has('closed')) return 'gone'
    if (!found.has('not listed')) return 'unknown'
  }
  return 'gone'
}

function ownerIn(
  family: Family,
  peer: Endpoint,
  own: Endpoint,
  read: ReadTable,
): number | 'closed' | 'not listed' | 'no table' {
  const [from, to] = [endpointIn(peer, family), endpointIn(own, family)]
  try {
    const table = read(family)
    if (table === undefined) return 'no table'
    if (from === undefined || to === undefined) return 'not listed'
    return ownerFrom(table, ` ${from} ${to} `)
  } catch {
    return 'not listed'
  }
}

/** The user id in the line of the open socket; `closed` where only sockets that no process has open are listed. */
function ownerFrom(table: Iterable<string>, wanted: string): number | 'closed' | 'not listed' {
  let found: 'closed' | 'not listed' = 'not listed'
  let rest = ''
  let length = 0
  const ownerInLines = (text: string): number | undefined => {
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) {
      const end = text.indexOf('\n', at)
      const owner = userIn(text.slice(text.lastIndexOf('\n', at) + 1, end < 0 ? undefined : end))
      if (owner !== undefined) return owner
      found = 'closed'
    }
    return undefined
  }
  for (const piece of table) {
    const text = rest + piece
    const whole = text.lastIndexOf('\n') + 1
    const owner = ownerInLines(text.slice(0, whole))
    if (owner !== undefined) return owner
    rest = text.slice(whole)
    length += piece.length
    // Not repeated: another reading would take as long.
    if (length > MAX_TABLE_BYTES || rest.length > MAX_LINE) return 'closed'
  }
  return ownerInLines(rest) ?? found
}

/** Undefined for a socket that no process has open: in TIME_WAIT, or being closed by the kernel. */
function userIn(line: string): number | undefined {
  const [, , , state = '', , , , uid = '', , inode] = line.trim().split(/\s+/)
  return OPEN_STATES.has(state) && inode !== undefined && inode !== '0' && /^\d+$/.test(uid) ? Number(uid) : undefined
}

/** `0100007F:1F90`: each 32-bit word of the address in host byte order, the port in network byte order. */
function endpointIn({ address, port }: Endpoint, family: Family): string | undefined {
  const words = family === 'tcp' ? wordsOf4(address) : wordsOf6(address)
  if (words === undefined) return undefined
  const hex = words.map((word) => hexWord(endianness() === 'LE' ? swapped(word) : word)).join('')
  return `${hex}:${port.toString(16).toUpperCase().padStart(4, '0')}`
}

function wordsOf4(address: string): number[] | undefined {
  const ipv4 = ipv4Of(address)
  return ipv4 === undefined ? undefined : [ipv4.split('.').reduce((word, byte) => word * 256 + Number(byte), 0)]
}

function wordsOf6(address: string): number[] | undefined {
  const ipv4 = wordsOf4(address)
  if (ipv4 !== undefined) return [0, 0, 0xffff, ...ipv4]
  if (!isIPv6(address)) return undefined
  const [head = '', tail] = address.replace(/%.*$/, '').split('::')
  const groups = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => parseInt(group, 16)))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const all = [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
  return [0, 2, 4, 6].map((at) => (all[at] ?? 0) * 65_536 + (all[at + 1] ?? 0))
}

/** Of an IPv4 address, mapped (RFC 4291, 2.5.5.2) or not. */
const ipv4Of = (address: string): string | undefined => /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]

const swapped = (word: number): number =>
  (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0
const hexWord = (word: number): string => word.toString(16).toUpperCase().padStart(8, '0')

/**
 * In a user namespace that does not map every user, all users from outside are listed as one (the overflow id), so an owner
 * means nothing if we run as that one.
 */
function mapsEveryUser(): boolean {
  try {
    const overflow = Number(readFileSync('/proc/sys/kernel/overflowuid', 'utf8'))
    return (
      process.getuid?.() !== overflow || /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))
    )
  } catch {
    return true
  }
}

/** /proc/net is that of our own network namespace. */
const readTable: ReadTable = (family) => (existsSync(`/proc/net/${family}`) ? pieces(`/proc/net/${family}`) : undefined)

function* pieces(file: string): Generator<string, void, undefined> {
  const handle = openSync(file, 'r')
  const buffer = Buffer.allocUnsafe(16_384)
  try {
    for (let length; (length = readSync(handle, buffer, 0, buffer.length, null)) > 0;)
      yield buffer.toString('latin1', 0, length)
  } finally {
    closeSync(handle)
  }
}

const FAMILIES = ['tcp', 'tcp6'] as const
const ATTEMPTS = 3
const MAX_LINE = 1000
/** Some 200,000 sockets, which take the kernel a tenth of a second; a peer listed after them is refused. */
const MAX_TABLE_BYTES = 32 * 1024 * 1024
/** ESTABLISHED, FIN_WAIT1, FIN_WAIT2 and CLOSE_WAIT (include/net/tcp_states.h). */
const OPEN_STATES = new Set(['01', '04', '05', '08'])
