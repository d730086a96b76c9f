import { createHash } from 'node:crypto'
import { pipeline, Transform, type Readable } from 'node:stream'
import { asPamError, PamError } from '../../../shared/errors.ts'
import { MessageReader } from '../grpc/message-reader.ts'
import type { MessageTally } from '../record/answer-log.ts'
import { passedTrailers } from '../request/read-headers.ts'
import type { Headers } from '../wire/headers.ts'

/** How many messages went one way, of how many bytes, and which. */
export class Tally implements MessageTally {
  messages = 0
  bytes = 0
  readonly #hash = createHash('sha256')

  add(bytes: Buffer): void {
    this.bytes += bytes.length
    this.#hash.update(bytes)
  }

  /** Hexadecimal digits. */
  get sha256(): string {
    return this.#hash.copy().digest('hex')
  }
}

/** The messages of a client on their way to the target: what is not whole messages goes no further. */
export class SentMessages {
  readonly tally = new Tally()
  readonly #reader: MessageReader

  constructor(mayBeCompressed: boolean) {
    this.#reader = new MessageReader({ side: 'client', mayBeCompressed })
  }

  push(chunk: Buffer): void {
    this.#reader.push(chunk)
    this.tally.messages = this.#reader.messages
    this.tally.add(chunk)
  }

  /** The same bytes, as they come; it breaks off where the body does, and where it is something else. */
  follow(body: Readable): Readable {
    const through = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        try {
          this.push(chunk)
          done(null, chunk)
        } catch (error) {
          done(asPamError(error))
        }
      },
      flush: (done) => {
        try {
          this.#reader.end()
          done()
        } catch (error) {
          done(asPamError(error))
        }
      },
    })
    pipeline(body, through, () => {})
    return through
  }

  /** A request of gRPC has none. */
  trailers(trailers: Headers | PamError): Headers | Error {
    return passedTrailers(trailers, [])
  }
}
