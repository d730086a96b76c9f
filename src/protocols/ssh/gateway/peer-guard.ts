import type { Client, Connection } from 'ssh2'
import { asError } from '../../../shared/errors.ts'
import type { HandshakeLimits } from '../../../gateway/engine.ts'
import { messageHandlers, watchSending } from './ssh2-internals.ts'
import { connected, type MessageReplies } from './ssh2-library.ts'

interface OpenInfo {
  readonly packetSize: number
}

/**
 * The peer of a connection, client or target, is hostile until proven otherwise: what the library would loop over, keep, or
 * answer for ever ends the connection. `fail` is called with the reason, within the library's own reading.
 */
export function guardPeer(
  connection: Client | Connection,
  { handshake }: HandshakeLimits,
  fail: (error: Error) => void,
): void {
  const carried = guardExchanges(connection, handshake, fail)
  const asked = guardReplies(connection)
  const { handlers: before, replace } = messageHandlers(connection)
  const handlers = { ...before }
  const counts = new Map<string, number>()
  const atMost = (most: number, what: string): void => {
    const count = (counts.get(what) ?? 0) + 1
    counts.set(what, count)
    if (count > most) throw new Error(`more than ${most} times ${what}`)
  }
  const guard = (name: string, check: (protocol: MessageReplies, ...args: never[]) => boolean | void): void => {
    const handler = handlers[name]
    if (handler === undefined) return
    handlers[name] = (self, ...args) => {
      try {
        if (check(self, ...args) === false) return
      } catch (error) {
        return fail(asError(error))
      }
      handler(self, ...args)
    }
  }
  // It cuts what it sends into pieces of that size: of none it would do so for ever.
  const fitting = (_: MessageReplies, { packetSize }: OpenInfo): void => {
    if (packetSize < MIN_PACKET_BYTES) throw new Error(`packets of ${packetSize} bytes`)
  }
  guard('CHANNEL_OPEN', fitting)
  guard('CHANNEL_OPEN_CONFIRMATION', fitting)
  // It would check and keep any number of keys (OpenSSH's PROTOCOL, 2.5); the gateway knows its targets by other means.
  guard('GLOBAL_REQUEST', (self, name: string, wantReply: boolean) => {
    if (wantReply) asked()
    if (name !== 'hostkeys-00@openssh.com') return true
    if (wantReply) self.requestFailure()
    return false
  })
  guard('CHANNEL_DATA', (_: MessageReplies, _channel: number, { length }: Buffer) => carried(length))
  guard('CHANNEL_EXTENDED_DATA', (_: MessageReplies, _channel: number, { length }: Buffer) => carried(length))
  guard('USERAUTH_INFO_REQUEST', () => atMost(MAX_PROMPTS, 'a prompt'))
  guard('USERAUTH_BANNER', () => atMost(MAX_BANNERS, 'a banner'))
  guard('USERAUTH_PASSWD_CHANGEREQ', () => {
    throw new Error('the password must be changed')
  })
  replace(handlers)
}

/**
 * Global requests are answered in their order (RFC 4254, section 4): behind one that is held, any number of others, such as
 * `keepalive@openssh.com`, would be kept. Returns what to call for each that wants a reply; it throws where too many wait for theirs.
 */
function guardReplies(connection: Client | Connection): () => void {
  const { _protocol: protocol } = connected(connection)
  let waiting = 0
  for (const name of ['requestSuccess', 'requestFailure'] as const) {
    const send = protocol[name]
    protocol[name] = (data) => {
      waiting--
      send.call(protocol, data)
    }
  }
  return () => {
    if (++waiting > MAX_UNANSWERED) throw new Error(`more than ${MAX_UNANSWERED} global requests wait for a reply`)
  }
}

/**
 * Whoever begins a key exchange stops what is sent to them until it ends (RFC 4253, section 7.1), and each one costs a
 * signature: there is a deadline for it, a limit for what waits meanwhile, and one for how many there are. OpenSSH begins
 * one after as little traffic as its RekeyLimit says. Returns what to call with the size of data that came.
 */
function guardExchanges(
  connection: Client | Connection,
  deadline: number,
  fail: (error: Error) => void,
): (bytes: number) => void {
  const since = performance.now()
  let hasEnded = false
  let count = 0
  let carried = 0
  let queued = 0
  let timer: NodeJS.Timeout | undefined
  const end = (message: string): void => {
    if (hasEnded) return
    hasEnded = true
    clearTimeout(timer)
    // Not within what the library is sending.
    process.nextTick(() => fail(new Error(message)))
  }
  const carry = (bytes: number): void => void (carried += bytes + PACKET_OVERHEAD)
  watchSending(connection, {
    began() {
      count++
      queued = 0
      // The first one is part of the login, which has a deadline of its own.
      if (count === 1 || hasEnded) return
      timer = setTimeout(() => end('a key exchange was begun and not finished in time'), deadline)
      const most = MAX_EXCHANGES + (performance.now() - since) / 1000 + carried / BYTES_PER_EXCHANGE
      if (count > most) end('keys are exchanged too often')
    },
    ended: () => clearTimeout(timer),
    queued(bytes) {
      queued += bytes + PACKET_OVERHEAD
      if (queued > MAX_QUEUED) end('a key exchange is not finished, and too much waits for its end')
    },
    sent: carry,
  })
  connection.once('close', () => {
    hasEnded = true
    clearTimeout(timer)
  })
  return carry
}

/** Key exchanges without traffic; one more for each second, and for each 16 KiB. */
const MAX_EXCHANGES = 100
const BYTES_PER_EXCHANGE = 16 * 1024
/** What a packet is at least, on the wire and in memory. */
const PACKET_OVERHEAD = 64
/** More than one write on each of many channels. */
const MAX_QUEUED = 32 * 1024 * 1024
/** Bytes; RFC 4254 wants 32,768 to be taken. */
const MIN_PACKET_BYTES = 256
/** Global requests that wait for the reply to one before them: hours of keepalives, and all ports of one `ssh -R …`. */
const MAX_UNANSWERED = 2000
const MAX_PROMPTS = 10
const MAX_BANNERS = 100
