import type { Duplex } from 'node:stream'
import { channelStream } from '../../../shared/channel-stream.ts'
import { idleHandler, type Channel, type ChannelHandler } from '../../../shared/channel.ts'
import { asPamError, PamError } from '../../../shared/errors.ts'
import { versionOf } from '../wire/preface.ts'
import type { HttpConnection, HttpHandler } from './exchange.ts'
import { Http1Server, type Http1Limits } from './http1.ts'
import { serveHttp2 } from './http2.ts'

/** A client of HTTP that has begun to speak. */
export interface HttpClient {
  readonly version: '1.1' | '2'
  readonly stream: Duplex
}

/**
 * A channel that is not destroyed by who reads it: whoever serves it says why it ends, and ends it. A library that is done with a connection only
 * lets go of it.
 */
class KeptChannel implements Channel {
  readonly #channel: Channel
  #isDestroyed = false

  constructor(channel: Channel) {
    this.#channel = channel
  }

  get handler(): ChannelHandler {
    return this.#channel.handler
  }

  set handler(handler: ChannelHandler) {
    this.#channel.handler = handler
  }

  write(bytes: Uint8Array): boolean {
    return this.#isDestroyed || this.#channel.write(bytes)
  }

  pause(): void {
    this.#channel.pause()
  }

  resume(): void {
    this.#channel.resume()
  }

  end(): void {
    if (!this.#isDestroyed) this.#channel.end()
  }

  destroy(): void {
    this.#isDestroyed = true
    this.#channel.handler = idleHandler
    this.#channel.pause()
  }
}

/** Servers of HTTP over channels. */
export class HttpServers {
  readonly #http1: Http1Server

  constructor(limits?: Http1Limits) {
    this.#http1 = new Http1Server(limits)
  }

  /**
   * Waits until the client has said which version it speaks. `skip`: how many bytes stand in front of that; undefined while more are needed.
   */
  greet(
    channel: Channel,
    handshakeMs: number,
    skip: (bytes: Buffer) => number | undefined = () => 0,
  ): Promise<HttpClient> {
    return new Promise((resolve, reject) => {
      let bytes: Buffer = Buffer.alloc(0)
      let isSkipped = false
      const fail = (error: PamError): void => {
        clearTimeout(timer)
        channel.handler = idleHandler
        reject(error)
      }
      const left = (): void => fail(new PamError('CLIENT_LEFT', 'the client closed the connection'))
      const onTimeout = (): void => fail(new PamError('HANDSHAKE_TIMEOUT', 'the client sent no request'))
      const timer = setTimeout(onTimeout, handshakeMs)
      const skipped = (): boolean => {
        const taken = isSkipped ? 0 : skip(bytes)
        if (taken === undefined) return false
        bytes = bytes.subarray(taken)
        isSkipped = true
        return true
      }
      channel.handler = {
        data(chunk) {
          bytes = Buffer.concat([bytes, chunk])
          try {
            if (!skipped() || bytes.length === 0) return
          } catch (error) {
            return fail(asPamError(error))
          }
          const version = versionOf(bytes)
          if (version === undefined) return
          clearTimeout(timer)
          channel.pause()
          const stream = channelStream(new KeptChannel(channel))
          stream.unshift(bytes)
          resolve({ version, stream })
        },
        drained() {},
        ended: left,
        closed: left,
      }
      channel.resume()
    })
  }

  serve({ version, stream }: HttpClient, handler: HttpHandler): HttpConnection {
    return version === '2' ? serveHttp2(stream, handler) : this.#http1.serve(stream, handler)
  }

  close(): void {
    this.#http1.close()
  }
}
