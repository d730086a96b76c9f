import type { Duplex } from 'node:stream'
import { PamError } from '../../../shared/errors.ts'
import { isStreamed, type SwitchedProtocols, type UpstreamAnswer, type UpstreamRequest } from './answer.ts'
import { Http1Upstream } from './http1.ts'
import { Http2Upstream, NotProcessed } from './http2.ts'

/** A connection, and what was agreed on within TLS (RFC 7301), where there is any. */
export type UpstreamSocket = Duplex & { readonly alpnProtocol?: string | false | null }

export interface UpstreamParts {
  /** Name and port, as the server is asked for. */
  readonly host: string
  /** Connects, and begins TLS where that is spoken. The protocols are those that may be spoken within (RFC 7301). */
  connect(alpn: readonly ['h2', 'http/1.1'] | readonly ['http/1.1']): Promise<UpstreamSocket>
  /** HTTP/2 is spoken without TLS and without asking (RFC 9113, section 3.3). */
  readonly h2c?: boolean
}

/**
 * A server as one client reaches it, in the version of HTTP that it wants. Connections are opened when the first request needs one, and
 * belong to this client alone.
 */
export class Upstream {
  readonly #parts: UpstreamParts
  #current: Promise<Http1Upstream | Http2Upstream> | undefined
  #switching: Http1Upstream | undefined
  #isClosed = false

  constructor(parts: UpstreamParts) {
    this.#parts = parts
  }

  async send(request: UpstreamRequest): Promise<UpstreamAnswer> {
    try {
      const connection = await this.#connection()
      if (request.needsHttp2 === true && connection instanceof Http1Upstream) throw notHttp2()
      return await connection.send(request)
    } catch (error) {
      // A body that comes from the client is gone.
      if (!(error instanceof NotProcessed) || isStreamed(request.body)) throw error
      this.#current = undefined
      return (await this.#connection()).send(request)
    }
  }

  /** What has other protocols within HTTP has them in version 1.1. */
  switchProtocols(request: UpstreamRequest, protocol: string): Promise<UpstreamAnswer | SwitchedProtocols> {
    if (this.#parts.h2c === true)
      return Promise.reject(new PamError('FEATURE_REFUSED', 'the target speaks HTTP/2 alone, without other protocols'))
    this.#switching ??= this.#http1()
    return this.#switching.switchProtocols(request, protocol)
  }

  /** What is sent from now on goes over new connections; what runs on the old ones goes on to its end. */
  renew(): void {
    this.#switching?.retire()
    this.#switching = undefined
    void this.#current?.then(
      (connection) => connection.retire(),
      () => {},
    )
    this.#current = undefined
  }

  close(): void {
    this.#isClosed = true
    this.#switching?.close()
    void this.#current?.then(
      (connection) => connection.close(),
      () => {},
    )
  }

  async #connection(): Promise<Http1Upstream | Http2Upstream> {
    const known = this.#current
    if (known !== undefined) {
      const connection = await known.catch(() => undefined)
      const isGone = connection === undefined || (connection instanceof Http2Upstream && connection.isClosed)
      if (!isGone) return connection
      // Others may have waited for the same one, and been quicker.
      if (this.#current === known) this.#current = undefined
    }
    this.#current ??= this.#open()
    return this.#current
  }

  async #open(): Promise<Http1Upstream | Http2Upstream> {
    const socket = await this.#parts.connect(['h2', 'http/1.1'])
    const { host, h2c = false } = this.#parts
    const connection =
      h2c || socket.alpnProtocol === 'h2'
        ? new Http2Upstream(host, socket, h2c ? 'http' : 'https')
        : this.#http1(socket)
    if (this.#isClosed) connection.close()
    return connection
  }

  #http1(spare?: UpstreamSocket): Http1Upstream {
    return new Http1Upstream(this.#parts.host, () => this.#parts.connect(['http/1.1']), spare)
  }
}

const notHttp2 = (): PamError =>
  new PamError('FEATURE_REFUSED', 'the target does not speak HTTP/2, which this request needs', {
    side: 'upstream',
    hint: 'ask your administrator to set "h2c: true" for the target, so that HTTP/2 is spoken to it without TLS',
  })
