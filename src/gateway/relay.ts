import type { Channel, ChannelHandler } from '../shared/channel.ts'
import type { ErrorCode } from '../shared/error-codes.ts'
import { asPamError, PamError, reasonOf } from '../shared/errors.ts'
import { PauseReasons } from '../shared/pause-reasons.ts'
import { clientLeft, type EarlyInput } from './early-input.ts'
import { endUpstream, upstreamGone, type UpstreamConnection } from './end-upstream.ts'
import type { Session } from './engine.ts'
import { sessionEndReason } from './session-end-reason.ts'
import type { StaggeredClose } from './staggered-close.ts'

/** What reads the client. */
export interface ClientPump {
  push(bytes: Buffer): void
  /** The client sends nothing more. */
  end(): void
  /** The target takes more. */
  drained(): void
  /** True where a held command was withdrawn. */
  cancelHold(): boolean
}

/** What reads the target; false asks to stop reading until the client has drained. */
export interface ServerPump {
  push(bytes: Buffer): boolean
}

/** How a protocol ends: what the relay of its bytes cannot know. */
export interface ProtocolEnd {
  /** Reasons that need no words of the gateway: nobody listens, or the target has said it. */
  readonly unsaid: ReadonlySet<ErrorCode>
  /** Whether the client has said goodbye to the target, so that this one closing the connection is no surprise. */
  readonly hasLeft: () => boolean
  /** The target sends nothing more. */
  readonly targetEnded: (left: PamError) => void
  /** Whoever waits for an answer of the target hears at once that none comes. */
  readonly abandon: () => void
  /** How it would end at this moment; asked before anything is abandoned. */
  readonly ending: () => Ending
}

export interface Ending {
  /** The target has nothing to do. */
  readonly isIdle: boolean
  /** What the client is told last; undefined where nothing can be said, as in the middle of a message. */
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

/** Two pumps between two channels, until one side leaves or the session must end. */
export class Relay {
  /** Resolves when both sides are gone. */
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

  /** Begins with what the client has sent while the target was connected to. */
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
        // A disk that does not keep up is felt by the target, and so by the client; nothing piles up here.
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

  /** The client is told at once; then what runs upstream is cancelled, ended, and that it is gone made sure of. */
  async #end(reason: PamError): Promise<void> {
    const { client, protocol, session, staggeredClose, upstream } = this.#parts
    const { isIdle, lastWords, goodbye } = protocol.ending()
    protocol.abandon()
    try {
      // From this moment on nothing of what the target says goes to the client.
      const gone = this.#open.has('upstream') ? upstreamGone(upstream) : undefined
      if (this.#open.has('client') && !protocol.unsaid.has(reason.code)) {
        const words = lastWords(reason)
        if (words !== undefined) client.write(words)
        client.end()
        this.#clientGone = staggeredClose.told()
        // Where many end at once, all are told before the first connection closes: from here on nothing of theirs goes upstream.
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
