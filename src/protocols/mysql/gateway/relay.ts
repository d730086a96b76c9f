import type { Session } from '../../../gateway/engine.ts'
import { clientLeft, type EarlyInput } from '../../../gateway/early-input.ts'
import { sessionEndReason } from '../../../gateway/session-end-reason.ts'
import type { StaggeredClose } from '../../../gateway/staggered-close.ts'
import type { ChannelHandler } from '../../../shared/channel.ts'
import { asPamError, PamError, reasonOf } from '../../../shared/errors.ts'
import { PauseReasons } from '../../../shared/pause-reasons.ts'
import type { MysqlTarget } from '../target.ts'
import { encodePackets } from '../wire/framer.ts'
import { endUpstream, upstreamGone } from './end-upstream.ts'
import { toErr } from './error-packet.ts'
import type { Upstream } from './login/connect-upstream.ts'
import type { ClientSide } from './pipeline/client-side.ts'
import type { Pipeline } from './pipeline/pipeline.ts'
import type { ServerSide } from './pipeline/server-side.ts'

/** Two pumps between two channels, until one side leaves or the session must end. */
export class Relay {
  /** Resolves when both sides are gone. */
  readonly over: Promise<void>
  readonly #pipeline: Pipeline
  readonly #session: Session<MysqlTarget>
  readonly #upstream: Upstream
  readonly #staggeredClose: StaggeredClose
  readonly #clientSide: ClientSide
  readonly #serverSide: ServerSide
  readonly #reading: PauseReasons<'client' | 'record'>
  readonly #open = new Set(['client', 'upstream'])
  #clientGone = (): void => {}
  #finish!: () => void

  constructor(
    pipeline: Pipeline,
    upstream: Upstream,
    sides: { readonly client: ClientSide; readonly server: ServerSide },
    staggeredClose: StaggeredClose,
  ) {
    this.#pipeline = pipeline
    this.#session = pipeline.session
    this.#upstream = upstream
    this.#staggeredClose = staggeredClose
    this.#clientSide = sides.client
    this.#serverSide = sides.server
    this.#reading = new PauseReasons(upstream.channel)
    this.over = new Promise((resolve) => (this.#finish = resolve))
    const { ended } = pipeline.session
    ended.addEventListener('abort', () => void this.#end(reasonOf(ended)), { once: true })
  }

  /** Begins with what the client has sent while the target was connected to. */
  run(waiting: () => EarlyInput): void {
    const { client } = this.#pipeline
    const { channel } = this.#upstream
    const { bytes, hasEnded } = waiting()
    client.handler = this.#fromClient()
    channel.handler = this.#fromUpstream()
    if (bytes.length > 0) client.handler.data(bytes)
    if (hasEnded) this.#clientSide.end()
    client.resume()
    channel.resume()
    if (this.#session.ended.aborted) void this.#end(reasonOf(this.#session.ended))
  }

  /** KILL QUERY of this connection: what is held is withdrawn, else what runs is ended. */
  cancel(): void {
    if (!this.#clientSide.cancelHold() && !this.#pipeline.isIdle) void this.#upstream.cancel()
  }

  #fromClient(): ChannelHandler {
    return {
      data: this.#guarded((bytes) => this.#clientSide.push(bytes)),
      drained: () => this.#reading.go('client'),
      ended: () => this.#clientSide.end(),
      closed: () => {
        this.#clientGone()
        this.#closed('client', clientLeft())
      },
    }
  }

  #fromUpstream(): ChannelHandler {
    const { recorder, target } = this.#session
    const left = (): PamError =>
      new PamError('TARGET_LEFT', `${target.name} closed the connection`, { side: 'upstream' })
    return {
      data: this.#guarded((bytes) => {
        if (!this.#serverSide.push(bytes)) this.#reading.wait('client')
        if (!recorder.isFull) return
        // A disk that does not keep up is felt by the target, and so by the client; nothing piles up here.
        this.#reading.wait('record')
        recorder.whenRoom(() => this.#reading.go('record'))
      }),
      drained: () => this.#clientSide.drained(),
      // A server that sends nothing more is of no use to anybody.
      ended: () => this.#session.end(left()),
      closed: () => this.#closed('upstream', left()),
    }
  }

  #guarded(work: (bytes: Buffer) => void): (bytes: Buffer) => void {
    return (bytes) => {
      try {
        work(bytes)
      } catch (error) {
        this.#session.end(sessionEndReason(error))
      }
    }
  }

  #closed(side: 'client' | 'upstream', reason: PamError): void {
    this.#open.delete(side)
    this.#session.end(reason)
    if (this.#open.size === 0) this.#finish()
  }

  /** The client is told at once; then what runs upstream is ended, and that it is gone made sure of. */
  async #end(reason: PamError): Promise<void> {
    const { client, isIdle, isUploading, clientSequence } = this.#pipeline
    const upstream = this.#upstream
    // Whoever waits for an answer of the target hears at once that none comes.
    this.#pipeline.abandon()
    try {
      // From this moment on nothing of what the target says goes to the client.
      const gone = this.#open.has('upstream') ? upstreamGone(upstream) : undefined
      if (this.#open.has('client') && reason.code !== 'CLIENT_LEFT') {
        // In the middle of a packet nothing can be said.
        if (clientSequence !== undefined) client.write(encodePackets(toErr(reason), clientSequence))
        client.end()
        this.#clientGone = this.#staggeredClose.told()
        // Where many end at once all are told before the first connection is: nothing of theirs goes upstream any more.
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (gone !== undefined)
        await endUpstream(this.#session, upstream, {
          gone,
          isIdle,
          isUploading,
          staggeredClose: this.#staggeredClose,
        })
    } catch (error) {
      this.#session.logger.error({ error: asPamError(error).code, cause: error }, 'session.end_failed')
    } finally {
      if (this.#open.has('client')) client.destroy()
      this.#clientGone()
      upstream.channel.destroy()
      this.#open.clear()
      this.#finish()
    }
  }
}
