import { constants, createInflate, type Inflate } from 'node:zlib'
import { WireError } from '../../../wire/wire-error.ts'
import { decodeSpdyHeaders, SPDY_DICTIONARY, type SpdyHeaders } from '../wire/spdy-headers.ts'

/** Reads the header blocks of one direction, which are one stream of zlib. */
export class HeaderBlocks {
  readonly #inflate: Inflate = createInflate({ dictionary: SPDY_DICTIONARY, flush: constants.Z_SYNC_FLUSH })
  #plain: Buffer[] = []
  #length = 0
  #failure: WireError | undefined

  constructor() {
    this.#inflate.on('data', (bytes: Buffer) => {
      this.#plain.push(bytes)
      this.#length += bytes.length
      // A few bytes can stand for a great many.
      if (this.#length > MAX_BLOCK_BYTES) this.#fail('the headers of a stream are too long')
    })
    this.#inflate.on('error', () => this.#fail('the headers of a stream cannot be decompressed'))
  }

  /** One after the other: each block goes on where the one before it ended. */
  decode(block: Buffer): Promise<SpdyHeaders> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure)
      const closed = (): void =>
        reject(this.#failure ?? new WireError('the headers of a stream cannot be decompressed'))
      this.#inflate.once('close', closed)
      this.#inflate.write(block, () => {
        this.#inflate.off('close', closed)
        if (this.#failure !== undefined) return reject(this.#failure)
        const plain = Buffer.concat(this.#plain)
        this.#plain = []
        this.#length = 0
        try {
          resolve(decodeSpdyHeaders(plain))
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  close(): void {
    this.#inflate.destroy()
  }

  #fail(message: string): void {
    this.#failure ??= new WireError(message)
    this.#plain = []
    this.#inflate.destroy()
  }
}

const MAX_BLOCK_BYTES = 64 * 1024
