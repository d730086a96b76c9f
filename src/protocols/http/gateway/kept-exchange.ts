import { Readable, Writable, type Duplex } from 'node:stream'
import { PamError } from '../../../shared/errors.ts'
import type { AnswerHead, Exchange, RequestHead } from '../server/exchange.ts'

/** The place for the answer to a request whose client does not wait: the answer is kept, up to a limit, until somebody asks for it. */
export class KeptExchange implements Exchange {
  readonly request: RequestHead
  readonly body = Readable.from([])
  readonly left: AbortSignal
  readonly upgrade = undefined
  readonly trailers = []
  readonly #chunks: Buffer[] = []
  readonly #maxBytes: number
  #bytes = 0
  #head: AnswerHead | undefined
  #isWhole = false

  /** `left` aborts once nobody may have the answer. */
  constructor(request: RequestHead, left: AbortSignal, maxBytes: number) {
    this.request = request
    this.left = left
    this.#maxBytes = maxBytes
  }

  get hasAnswered(): boolean {
    return this.#head !== undefined
  }

  answer(head: AnswerHead): Writable {
    this.#head = head
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#bytes += chunk.length
        if (this.#bytes <= this.#maxBytes) this.#chunks.push(chunk)
        done()
      },
      final: (done) => {
        this.#isWhole = true
        done()
      },
    })
  }

  /** They are not kept. */
  trail(): boolean {
    return false
  }

  switchProtocols(): Duplex {
    throw new Error('a request in the background cannot change the protocol')
  }

  abandon(): void {
    this.#isWhole = false
  }

  /** What came of it. Throws where that is not whole, or was too much to keep. */
  answered(): { readonly head: AnswerHead; readonly body: Buffer } {
    const head = this.#head
    if (head === undefined || !this.#isWhole)
      throw new PamError('TARGET_LEFT', 'the answer of the target was cut off', { side: 'upstream' })
    if (this.#bytes > this.#maxBytes)
      throw new PamError(
        'MESSAGE_TOO_LARGE',
        `the target answered ${head.status} with ${this.#bytes} bytes, more than the ${this.#maxBytes} that are kept`,
        { hint: 'send such requests without Prefer: respond-async' },
      )
    return { head, body: Buffer.concat(this.#chunks) }
  }
}
