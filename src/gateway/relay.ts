import type { Channel, ChannelHandler } from '../shared/channel.ts'
import type { ErrorCode } from '../shared/error-codes.ts'
import { asPamError, PamError, reasonOf } from '../shared/errors.ts'
import { PauseReasons } from '../shared/pause-reasons.ts'
import { clientLeft, type EarlyInput } from './early-input.ts'
import { endUpstream, upstreamGone, type UpstreamConnection } from './end-upstream.ts'
import type { Session } from './engine.ts'
import { sessionEndReason } from './session-end-reason.ts'
import type { StaggeredClose } from './staggered-close.ts'

/** Handles what the client sends. */
export interface ClientPump {
  push(bytes: Buffer): void
  /** The client closed its sending side. */
  end(): void
  /** The target accepts more bytes. */
  drained(): void
  /** True where a held command was withdrawn. */
  cancelHold(): boolean
}

/** Handles what the target sends; false: stop reading until the client has drained. */
export interface ServerPump {
  push(bytes: Buffer): boolean
}

/** How a protocol ends, which the relay of its bytes cannot know. */
export interface ProtocolEnd {
  /** Reasons that the client is not told: it has left, or the target has told it. */
  readonly unsaid: ReadonlySet<ErrorCode>
  /** Whether the client has said farewell, so that the target is expected to close the connection. */
  readonly hasLeft: () => boolean
  /** The target closed its sending side. */
  readonly targetEnded: (left: PamError) => void
  /** Rejects whatever still waits for an answer of the target. */
  readonly abandon: () => void
  /** How the session would end at this moment; asked before anything is abandoned. */
  readonly ending: () => Ending
}

export interface Ending {
  /** The target is idle. */
  readonly isIdle: boolean
  /** The last message to the client; undefined where none can be sent, as in the middle of another. */
  readonly lastWords: (reason: PamError) => Buffer | undefined
  /** Asks the target to close the connection. */
  readonly goodbye: () => void
}

export interface RelayParts {
  readonly session: Session
  readonly client: Channel
  readonly upstream: UpstreamConnection
  readonly clientSide: ClientPump
  readonly serverSide: ServerPump
  readonly protocol: ProtocolEnd
  readonly staggeredClose: StaggeredClose
}

/** Copies between two channels in both directions, until one side leaves or the session must end. */
export class Relay {
  /** Resolves when both sides are closed. */
  readonly over: Promise<void>
  readonly #parts: RelayParts
  readonly #reading: PauseReasons<'client' | 'record'>
  readonly #open = new Set(['client', 'upstream'])
  #clientGone = (): void => {}
  #finish!: () => void

  constructor(parts: RelayParts) {
    this.#parts = parts
    this.#reading = new PauseReasons(parts.upstream.channel)
    this.over = new Promise((resolve) => (this.#finish = resolve))
    const { ended } = parts.session
    ended.addEventListener('abort', () => void this.#end(reasonOf(ended)), { once: true })
  }

  /** Starts with the bytes that the client sent while the gateway was connecting. */
  run(waiting: () => EarlyInput): void {
    const { client, clientSide, session, upstream } = this.#parts
    const { channel } = upstream
    const { bytes, hasEnded } = waiting()
    client.handler = this.#fromClient()
    channel.handler = this.#fromUpstream()
    if (bytes.length > 0) client.handler.data(bytes)
    if (hasEnded) clientSide.end()
    client.resume()
    channel.resume()
    if (session.ended.aborted) void this.#end(reasonOf(session.ended))
  }

  #fromClient(): ChannelHandler {
    const { clientSide } = this.#parts
    return {
      data: this.#guarded((bytes) => clientSide.push(bytes)),
      drained: () => this.#reading.go('client'),
      ended: () => clientSide.end(),
      closed: () => {
        clientSide.end()
        this.#clientGone()
        this.#closed('client', clientLeft())
      },
    }
  }

  #fromUpstream(): ChannelHandler {
    const { clientSide, serverSide, protocol, session } = this.#parts
    const { recorder, target } = session
    const left = (): PamError =>
      new PamError('TARGET_LEFT', `${target.name} closed the connection`, { side: 'upstream' })
    return {
      data: this.#guarded((bytes) => {
        if (!serverSide.push(bytes)) this.#reading.wait('client')
        if (!recorder.isFull) return
        // A slow disk slows the target down, and with it the client; nothing piles up here.
        this.#reading.wait('record')
        recorder.whenRoom(() => this.#reading.go('record'))
      }),
      drained: () => clientSide.drained(),
      ended: () => protocol.targetEnded(left()),
      closed: () => this.#closed('upstream', protocol.hasLeft() ? clientLeft() : left()),
    }
  }

  #guarded(work: (bytes: Buffer) => void): (bytes: Buffer) => void {
    return (bytes) => {
      try {
        work(bytes)
      } catch (error) {
        this.#parts.session.end(sessionEndReason(error))
      }
    }
  }

  #closed(side: 'client' | 'upstream', reason: PamError): void {
    this.#open.delete(side)
    this.#parts.session.end(reason)
    if (this.#open.size === 0) this.#finish()
  }

  /** Tells the client at once, then cancels what runs upstream and makes sure that the connection is gone. */
  async #end(reason: PamError): Promise<void> {
    const { client, protocol, session, staggeredClose, upstream } = this.#parts
    const { isIdle, lastWords, goodbye } = protocol.ending()
    protocol.abandon()
    try {
      // From here on nothing from the target reaches the client.
      const gone = this.#open.has('upstream') ? upstreamGone(upstream) : undefined
      if (this.#open.has('client') && !protocol.unsaid.has(reason.code)) {
        const words = lastWords(reason)
        if (words !== undefined) client.write(words)
        client.end()
        this.#clientGone = staggeredClose.told()
        // Where many sessions end at once, all clients are told before the first connection closes. Nothing of theirs goes upstream any longer.
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (gone !== undefined) await endUpstream(session, upstream, { gone, isIdle, goodbye, staggeredClose })
    } catch (error) {
      session.logger.error({ error: asPamError(error).code, cause: error }, 'session.end_failed')
    } finally {
      if (this.#open.has('client')) client.destroy()
      this.#clientGone()
      upstream.channel.destroy()
      this.#open.clear()
      this.#finish()
    }
  }
}
