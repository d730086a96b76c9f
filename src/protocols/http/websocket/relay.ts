import type { Session } from '../../../gateway/engine.ts'
import { reasonOf } from '../../../shared/errors.ts'
import { roomInRecord } from '../upgrade/room-in-record.ts'
import { encodeClose } from '../wire/websocket-close.ts'
import type { MessageLog } from './message-log.ts'
import { partingOf, type End, type RelayEnd, type Side } from './parting.ts'
import type { CheckedMessage, WebSocketPeer } from './peer.ts'

export interface RelayParts {
  readonly recorder: Pick<Session['recorder'], 'isFull' | 'whenRoom'>
  readonly log: Pick<MessageLog, 'add'>
  readonly client: WebSocketPeer
  readonly target: WebSocketPeer
  /** A message of the client as the target gets it. */
  readonly pass: (message: CheckedMessage) => CheckedMessage
  /** A message of the target as the client may have it; throws a `PamError` where it may not. A long one takes its time. */
  readonly show: (message: CheckedMessage) => CheckedMessage | Promise<CheckedMessage>
  /** Aborts when the session must end. */
  readonly ended: AbortSignal
}

/** What passes between a client and a target over a WebSocket, until both have closed it, one has left, or the session ends. Never rejects. */
export function relayMessages(parts: RelayParts): Promise<RelayEnd> {
  return new Relay(parts).run()
}

class Relay {
  readonly #parts: RelayParts
  #hasEnded = false

  constructor(parts: RelayParts) {
    this.#parts = parts
  }

  async run(): Promise<RelayEnd> {
    const { ended } = this.#parts
    let timer: NodeJS.Timeout | undefined
    let onAbort = (): void => {}
    const aborted = new Promise<End>((resolve) => {
      onAbort = () => {
        const reason = reasonOf(ended)
        if (reason.code !== 'CLIENT_LEFT') return resolve({ type: 'ended', reason })
        // What it said before goes on to the target, which is seen by whoever reads that.
        timer = setTimeout(() => resolve({ type: 'left', by: 'client' }), CLOSE_WAIT_MS)
      }
      ended.addEventListener('abort', onAbort, { once: true })
      if (ended.aborted) onAbort()
    })
    const client = this.#pump('client')
    const target = this.#pump('target')
    const first = await Promise.race([aborted, client, target])
    // Who is asked to close may still have something to say before it does (RFC 6455, section 5.5.1).
    if (first.type === 'closed') await this.#otherOf(first.by === 'client' ? target : client, aborted)
    ended.removeEventListener('abort', onAbort)
    clearTimeout(timer)
    this.#hasEnded = true
    return this.#leave(first)
  }

  async #otherOf(other: Promise<End>, aborted: Promise<End>): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const waited = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_WAIT_MS)))
    await Promise.race([other, aborted, waited])
    clearTimeout(timer)
  }

  /** What one side says, to the other; in order, and no faster than that takes it. */
  async #pump(by: Side): Promise<End> {
    const { client, target, log, recorder, pass, show } = this.#parts
    const [from, to] = by === 'client' ? [client, target] : [target, client]
    try {
      for await (const said of from.messages()) {
        if (this.#hasEnded) break
        const message = by === 'client' ? pass(said) : await show(said)
        // It may have ended while that took its time.
        if (this.#hasEnded) break
        if (message.type === 'close') {
          log.add(by, 'close', Buffer.from(message.reason))
          await to.send({ type: 'close', payload: encodeClose(message) })
          return { type: 'closed', by, close: message }
        }
        log.add(by, message.type, message.payload)
        await to.send(message)
        await roomInRecord(recorder)
      }
      return { type: 'left', by }
    } catch (error) {
      return { type: 'broken', by, error }
    }
  }

  /** Both are told, as far as they have not been, and left. */
  #leave(end: End): RelayEnd {
    const { client, target } = this.#parts
    const { toClient, toTarget, ...how } = partingOf(end)
    client.sendClose(toClient)
    target.sendClose(toTarget)
    client.leave()
    target.leave()
    return how
  }
}

/** How long the other side has to close, once one has, and to take what a client said that has left. */
const CLOSE_WAIT_MS = 5000
