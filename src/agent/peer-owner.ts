import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs'
import { isIPv4, isIPv6, type Socket } from 'node:net'
import { endianness } from 'node:os'
import { unmapped } from '../shared/networks.ts'

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

/** A connection whose other end's owner is looked for, and what has been found of it in this reading. */
interface Wanted {
  readonly peer: Endpoint
  readonly own: Endpoint
  readonly resolve: (owner: PeerOwner) => void
  readings: number
}

/**
 * Linux lists every TCP socket of a network namespace with its owner: those of AF_INET in /proc/net/tcp, those of AF_INET6 in
 * /proc/net/tcp6. The peer's socket is the one whose local address is our remote one, and the other way round: both addresses and
 * both ports are compared. A dual-stack socket (every socket of a JVM) that speaks IPv4 is listed in tcp6, with IPv4-mapped addresses.
 *
 * A socket that its process has closed is listed with owner 0 and without an inode, so only open ones count. The list is not a snapshot: a line
 * can be missed where sockets come and go while it is read, so a peer that is not found is looked for again.
 *
 * The kernel makes a list as it is read, and goes through all of its hash table for it: milliseconds for a few sockets where there is much memory (it has
 * half a million buckets then), and a microsecond or two for each socket besides, also for those in TIME_WAIT, of which a client that connects
 * again and again leaves thousands. So one reading is for all connections that have come before it, it stops with the last of them,
 * it lets other work of the agent in between its pieces, and nothing beyond MAX_TABLE_BYTES is read. A connection is only answered from lines that were
 * read after it was accepted: whoever had its ports before is in none of them as open. Whoever has them after it is: see isConnected.
 *
 * Netlink's sock_diag would answer for one connection, but Node reaches no netlink socket without native code.
 * Source: Documentation/networking/proc_net_tcp.rst and tcp_seek_last_pos in net/ipv4/tcp_ipv4.c of the kernel.
 */
export class PeerOwners {
  readonly #read: ReadTable
  #waiting: Wanted[] = []
  #isReading = false

  constructor(read: ReadTable = readTable) {
    this.#read = read
  }

  /** Who owns the peer's end of a connection that has been accepted. */
  of(peer: Endpoint, own: Endpoint): Promise<PeerOwner> {
    if (!tellsOwners()) return Promise.resolve('unknown')
    return new Promise((resolve) => {
      this.#waiting.push({ peer, own, resolve, readings: 0 })
      void this.#readOn()
    })
  }

  /** Reads for as long as anybody waits. */
  async #readOn(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    // What arrives in this turn of the event loop is asked for together.
    await nextTurn()
    while (this.#waiting.length > 0) {
      const asked = this.#waiting
      this.#waiting = []
      this.#waiting.push(...(await this.#reading(asked)))
    }
    this.#isReading = false
  }

  /** Reads both tables once. Those that were missed, to be looked for again. */
  async #reading(asked: readonly Wanted[]): Promise<Wanted[]> {
    const found = new Map(asked.map((wanted) => [wanted, new Set<'closed' | 'not listed' | 'no table'>()]))
    for (const family of FAMILIES) {
      const outcomes = await ownersIn(family, [...found.keys()], this.#read)
      for (const [wanted, outcome] of outcomes) {
        if (typeof outcome !== 'number') found.get(wanted)?.add(outcome)
        else {
          wanted.resolve(outcome)
          found.delete(wanted)
        }
      }
    }
    return [...found].flatMap(([wanted, outcomes]) => {
      if (!outcomes.has('closed') && !outcomes.has('not listed')) wanted.resolve('unknown')
      else if (outcomes.has('closed') || ++wanted.readings >= ATTEMPTS) wanted.resolve('gone')
      else return [wanted]
      return []
    })
  }
}

/**
 * Whether an accepted connection is still the one that its addresses name. After a reset, another user's program can connect from the same port, and what
 * the first one sent is still there to be read: who owns the peer's end is true of a connection that is there afterwards. Nothing is read yet, so Node does not
 * notice a reset, and it remembers the peer's address; the system does not know one any more (getpeername(2), ENOTCONN).
 */
export function isConnected(socket: Socket): boolean {
  const handle: unknown = Reflect.get(socket, '_handle')
  const ask: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'getpeername') : undefined
  return typeof ask === 'function' && Reflect.apply(ask, handle, [{}]) === 0
}

type Outcome = number | 'closed' | 'not listed' | 'no table'

/** For each connection the user id in the line of its open socket; `closed` where only sockets that no process has open are listed. */
async function ownersIn(
  family: Family,
  asked: readonly Wanted[],
  read: ReadTable,
): Promise<ReadonlyMap<Wanted, Outcome>> {
  const outcomes = new Map<Wanted, Outcome>(asked.map((wanted) => [wanted, 'not listed']))
  try {
    const table = read(family)
    if (table === undefined) return new Map(asked.map((wanted) => [wanted, 'no table']))
    const byText = new Map<string, Wanted[]>()
    for (const wanted of asked) {
      const [from, to] = [endpointIn(wanted.peer, family), endpointIn(wanted.own, family)]
      if (from === undefined || to === undefined) continue
      const text = `${from} ${to}`
      byText.set(text, [...(byText.get(text) ?? []), wanted])
    }
    await findIn(table, byText, outcomes)
  } catch {
    // What has been found stands; the others are not listed.
  }
  return outcomes
}

/** Looks through a table until each of these is found as an open socket, or nothing is left of it. */
async function findIn(
  table: Iterable<string>,
  byText: Map<string, Wanted[]>,
  outcomes: Map<Wanted, Outcome>,
): Promise<void> {
  if (byText.size === 0) return
  const inLine = (line: string): void => {
    const [, from = '', to = ''] = line.trimStart().split(' ', 3)
    const wanted = byText.get(`${from} ${to}`)
    if (wanted === undefined) return
    const owner = userIn(line)
    for (const one of wanted) outcomes.set(one, owner ?? 'closed')
    if (owner !== undefined) byText.delete(`${from} ${to}`)
  }
  let rest = ''
  let length = 0
  let turnEnds = performance.now() + MAX_TURN_MS
  for (const piece of table) {
    const lines = (rest + piece).split('\n')
    rest = lines.pop() ?? ''
    lines.forEach(inLine)
    if (byText.size === 0) return
    length += piece.length
    // Not repeated: another reading would take as long.
    if (length > MAX_TABLE_BYTES || rest.length > MAX_LINE) {
      for (const one of [...byText.values()].flat()) outcomes.set(one, 'closed')
      return
    }
    if (performance.now() < turnEnds) continue
    await nextTurn()
    turnEnds = performance.now() + MAX_TURN_MS
  }
  inLine(rest)
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

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
const ipv4Of = (address: string): string | undefined => (isIPv4(unmapped(address)) ? unmapped(address) : undefined)

const swapped = (word: number): number =>
  (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0
const hexWord = (word: number): string => word.toString(16).toUpperCase().padStart(8, '0')

/**
 * In a user namespace that does not map every user, all users from outside are listed as one (the overflow id), so an owner
 * means nothing if we run as that one. `overflow` is what /proc/sys/kernel/overflowuid holds, `map` /proc/self/uid_map (user_namespaces(7)).
 */
export const isOwnerTold = (own: number | undefined, overflow: string, map: string): boolean =>
  own !== Number(overflow) || /^\s*0\s+0\s+4294967295\s*$/.test(map)

function tellsOwners(): boolean {
  try {
    const [overflow, map] = ['/proc/sys/kernel/overflowuid', '/proc/self/uid_map'].map((file) =>
      readFileSync(file, 'utf8'),
    )
    return isOwnerTold(process.getuid?.(), overflow as string, map as string)
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
/** Milliseconds of reading between which other work of the agent is done. */
const MAX_TURN_MS = 1
const MAX_LINE = 1000
/** Some 200,000 sockets, which take the kernel a tenth of a second; a peer listed after them is refused. */
const MAX_TABLE_BYTES = 32 * 1024 * 1024
/** ESTABLISHED, FIN_WAIT1, FIN_WAIT2 and CLOSE_WAIT (include/net/tcp_states.h). */
const OPEN_STATES = new Set(['01', '04', '05', '08'])
