import type { Session, Verdict } from '../../../gateway/engine.ts'
import { sessionEndReason } from '../../../gateway/session-end-reason.ts'
import { PamError, reasonOf } from '../../../shared/errors.ts'
import { visible } from '../../../shared/visible.ts'
import { WireError } from '../../../wire/wire-error.ts'
import type { Link } from '../../http/upgrade/link.ts'
import { roomInRecord } from '../../http/upgrade/room-in-record.ts'
import type { SpdyHeaders } from '../wire/spdy-headers.ts'
import { SpdyConnection, type SpdyHandler } from './spdy-connection.ts'

export interface PortForwardParts {
  readonly session: Pick<Session, 'recorder'>
  readonly client: Link
  readonly target: Link
  /**
   * Whether a connection to this port of the pod is allowed: ports stand in the streams, not in the request. `left`: nobody waits for it
   * any longer.
   */
  readonly decide: (port: number, left: AbortSignal) => Promise<Verdict>
  /** Aborts when the session must end, or the client is gone. */
  readonly ended: AbortSignal
}

/** One connection that is forwarded: a stream of bytes, and one on which the target says why it failed. */
interface Forwarded {
  readonly port: number
  readonly started: number
  readonly verdict: Promise<Verdict>
  readonly left: AbortController
  up: number
  down: number
  isRecorded: boolean
}

interface Side {
  readonly forwarded: Forwarded
  readonly kind: 'error' | 'data'
  readonly client: number
  target: number | undefined
  /** The client sends nothing more on it. */
  hasEnded: boolean
  /** Neither does the target. */
  isEndedByTarget: boolean
}

/** Connections to ports of one pod, each decided on and recorded, until either side is gone or the session ends. Never rejects. */
export async function relayPortForward(parts: PortForwardParts): Promise<void> {
  await new PortForwardRelay(parts).run()
}

class PortForwardRelay {
  readonly #parts: PortForwardParts
  readonly #client: SpdyConnection
  readonly #target: SpdyConnection
  readonly #byRequest = new Map<string, Forwarded>()
  readonly #byClient = new Map<number, Side>()
  readonly #byTarget = new Map<number, Side>()
  #isClosed = false
  #finish!: () => void

  constructor(parts: PortForwardParts) {
    this.#parts = parts
    this.#client = new SpdyConnection(parts.client, 'client')
    this.#target = new SpdyConnection(parts.target, 'server')
  }

  run(): Promise<void> {
    const { ended } = this.#parts
    return new Promise((resolve) => {
      const onAbort = (): void => this.#end(reasonOf(ended))
      this.#finish = () => {
        ended.removeEventListener('abort', onAbort)
        resolve()
      }
      ended.addEventListener('abort', onAbort, { once: true })
      if (ended.aborted) return onAbort()
      const over = (): void => this.#end(undefined)
      const broken = (error: unknown): void => this.#end(sessionEndReason(error))
      this.#client.read(this.#fromClient).then(over, broken)
      this.#target.read(this.#fromTarget).then(over, broken)
    })
  }

  readonly #fromClient: SpdyHandler = {
    // While somebody decides, the other connections go on.
    opened: async (stream, headers) => {
      const side = this.#sideOf(stream, headers)
      this.#byClient.set(stream, side)
      void this.#start(side, headers)
      // Each connection is put on record: a disk that does not keep up is felt by whoever opens them.
      await roomInRecord(this.#parts.session.recorder)
    },
    replied() {},
    data: async (stream, bytes) => {
      const side = this.#byClient.get(stream)
      if (side === undefined) return
      if (side.target === undefined) throw new WireError('data before the stream was taken')
      if (side.kind === 'data') side.forwarded.up += bytes.length
      if (!this.#target.data(side.target, bytes)) await this.#target.drained()
    },
    ended: (stream) => {
      const side = this.#byClient.get(stream)
      if (side === undefined) return
      side.hasEnded = true
      if (side.target !== undefined) this.#target.end(side.target)
      this.#dropIfOver(side)
    },
    reset: (stream) => {
      const side = this.#byClient.get(stream)
      if (side === undefined) return
      if (side.target !== undefined) this.#target.reset(side.target)
      this.#forget(side)
    },
  }

  readonly #fromTarget: SpdyHandler = {
    opened() {
      throw new WireError('the target opens a stream')
    },
    replied: (stream) => {
      const side = this.#byTarget.get(stream)
      if (side !== undefined) this.#client.reply(side.client)
    },
    data: async (stream, bytes) => {
      const side = this.#byTarget.get(stream)
      if (side === undefined) return
      if (side.kind === 'data') side.forwarded.down += bytes.length
      if (!this.#client.data(side.client, bytes)) await this.#client.drained()
    },
    ended: (stream) => {
      const side = this.#byTarget.get(stream)
      if (side === undefined) return
      side.isEndedByTarget = true
      this.#client.end(side.client)
      if (side.kind === 'data') this.#record(side.forwarded)
      this.#dropIfOver(side)
    },
    reset: (stream) => {
      const side = this.#byTarget.get(stream)
      if (side === undefined) return
      this.#client.reset(side.client)
      this.#forget(side)
    },
  }

  #sideOf(stream: number, headers: SpdyHeaders): Side {
    const kind = headers.get('streamtype')
    const port = headers.get('port') ?? ''
    const request = headers.get('requestid') ?? ''
    if (kind !== 'error' && kind !== 'data') throw new WireError('a stream that does not belong to port-forward')
    if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) throw new WireError('a stream without a port')
    if (!/^\d{1,19}$/.test(request)) throw new WireError('a stream without the number of its request')
    // Both streams of a connection name the port: the one that counts is the one that was decided on.
    const known = this.#byRequest.get(request)
    if (known !== undefined && known.port !== Number(port)) throw new WireError('one request for two ports')
    const forwarded = known ?? this.#forwarded(Number(port))
    if (known === undefined) this.#byRequest.set(request, forwarded)
    else this.#byRequest.delete(request)
    if (this.#byRequest.size > MAX_HALF_OPEN) throw new WireError('too many connections with one stream alone')
    return { forwarded, kind, client: stream, target: undefined, hasEnded: false, isEndedByTarget: false }
  }

  #forwarded(port: number): Forwarded {
    const left = new AbortController()
    const verdict = this.#parts.decide(port, left.signal)
    return { port, started: performance.now(), verdict, left, up: 0, down: 0, isRecorded: false }
  }

  async #start(side: Side, headers: SpdyHeaders): Promise<void> {
    const { forwarded, client } = side
    try {
      const verdict = await forwarded.verdict
      if (this.#isClosed || !this.#byClient.has(client)) return
      if (verdict.type === 'refuse') return this.#refuse(side, verdict.error)
      await this.#written()
      if (this.#isClosed || !this.#byClient.has(client)) return
      const own = ['streamtype', 'port', 'requestid'].map((name) => [name, headers.get(name) ?? ''] as const)
      side.target = this.#target.open(new Map(own))
      this.#byTarget.set(side.target, side)
      if (side.hasEnded) this.#target.end(side.target)
    } catch (error) {
      this.#end(sessionEndReason(error))
    }
  }

  /** Clients show what comes on the stream for errors, once the other one is taken and over. */
  #refuse(side: Side, { message, hint }: PamError): void {
    const { client, kind } = side
    this.#client.reply(client)
    if (kind === 'error')
      this.#client.data(client, Buffer.from(visible(`pam: ${message}${hint === undefined ? '' : `; ${hint}`}`)))
    this.#client.end(client)
    this.#forget(side)
  }

  /** The intent is on record before the first byte goes upstream. */
  #written(): Promise<void> {
    const { recorder } = this.#parts.session
    return recorder.isWritten ? Promise.resolve() : new Promise((resolve) => recorder.whenWritten(resolve))
  }

  #forget(side: Side): void {
    side.forwarded.left.abort()
    this.#drop(side)
    if (side.target !== undefined && side.kind === 'data') this.#record(side.forwarded)
  }

  /** A forwarding may go on for days, with a great many connections. */
  #dropIfOver(side: Side): void {
    if (side.hasEnded && side.isEndedByTarget) this.#drop(side)
  }

  #drop({ client, target }: Side): void {
    this.#byClient.delete(client)
    if (target !== undefined) this.#byTarget.delete(target)
  }

  #record(forwarded: Forwarded, error?: string): void {
    if (forwarded.isRecorded) return
    forwarded.isRecorded = true
    const { up, down, started, verdict } = forwarded
    void verdict.then(({ id, type }) => {
      if (type !== 'forward') return
      this.#parts.session.recorder.outcome({
        type: 'result',
        command: id,
        tag: `${up} bytes up, ${down} bytes down`,
        rows: 0,
        bytes: up + down,
        durationMs: Math.round(performance.now() - started),
        ...(error === undefined ? {} : { error }),
      })
    })
  }

  #end(reason: PamError | undefined): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const side of this.#byClient.values()) {
      side.forwarded.left.abort()
      if (reason !== undefined && side.kind === 'error' && side.target !== undefined)
        this.#client.data(side.client, Buffer.from(visible(`pam: ${reason.message}`)))
      if (side.kind === 'data' && side.target !== undefined) this.#record(side.forwarded, 'closed')
    }
    this.#client.close()
    this.#target.close()
    this.#finish()
  }
}

/** Clients open the two streams of a connection one right after the other. */
const MAX_HALF_OPEN = 128
