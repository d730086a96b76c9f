import type { Client, Connection } from 'ssh2'
import { messageHandlers, type MessageReplies } from './ssh2-internals.ts'

interface OpenInfo {
  readonly packetSize: number
}

/**
 * The peer of a connection, client or target, is hostile until proven otherwise: what the library would loop over, keep, or
 * answer for ever ends the connection. `fail` is called with the reason, within the library's own reading.
 */
export function guardPeer(connection: Client | Connection, fail: (error: Error) => void): void {
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
        return fail(error as Error)
      }
      handler(self, ...args)
    }
  }
  // It cuts what it sends into pieces of that size: of none it would do so for ever.
  const fitting = (_: MessageReplies, { packetSize }: OpenInfo): void => {
    if (packetSize < SMALLEST_PACKET) throw new Error(`packets of ${packetSize} bytes`)
  }
  guard('CHANNEL_OPEN', fitting)
  guard('CHANNEL_OPEN_CONFIRMATION', fitting)
  // It would check and keep any number of keys (OpenSSH's PROTOCOL, 2.5); the gateway knows its targets by other means.
  guard('GLOBAL_REQUEST', (self, name: string, wantReply: boolean) => {
    if (name !== 'hostkeys-00@openssh.com') return true
    if (wantReply) self.requestFailure()
    return false
  })
  guard('USERAUTH_INFO_REQUEST', () => atMost(MOST_PROMPTS, 'a prompt'))
  guard('USERAUTH_BANNER', () => atMost(MOST_BANNERS, 'a banner'))
  guard('USERAUTH_PASSWD_CHANGEREQ', () => {
    throw new Error('the password has to be changed')
  })
  replace(handlers)
}

/** Bytes; RFC 4254 wants 32,768 to be taken. */
const SMALLEST_PACKET = 256
const MOST_PROMPTS = 10
const MOST_BANNERS = 100
