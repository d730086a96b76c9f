import { gunzipSync, inflateSync } from 'node:zlib'
import { PamError } from '../../../shared/errors.ts'
import { MessageReader, encodePrefix, type MessagePiece } from '../grpc/message-reader.ts'
import { SecretScrubber } from './secret-scrubber.ts'
import type { Needle } from './secret-spellings.ts'

/**
 * Messages of an answer without the gateway's credential. Each passes as it comes; what may be the beginning of the secret waits for no more than the end
 * of its message. One that is compressed, although nobody has asked for that, is decompressed where there is a secret to look for.
 */
export class ReceivedMessages {
  readonly #reader: MessageReader
  readonly #needles: readonly Needle[]
  readonly #encoding: string | undefined
  #scrubber: SecretScrubber
  /** Of a compressed message: what has come of it. */
  #compressed: Buffer[] | undefined

  /** `encoding`: `grpc-encoding` of the answer; undefined where there is none, or `identity`. */
  constructor(encoding: string | undefined, needles: readonly Needle[]) {
    this.#reader = new MessageReader({ side: 'upstream', mayBeCompressed: encoding !== undefined })
    this.#encoding = encoding
    this.#needles = needles
    this.#scrubber = new SecretScrubber(needles)
  }

  /** How many have begun. */
  get count(): number {
    return this.#reader.messages
  }

  push(chunk: Buffer): Buffer[] {
    return this.#reader.push(chunk).flatMap((piece) => this.#pass(piece))
  }

  /** Throws where the answer ends within a message. */
  end(): void {
    this.#reader.end()
  }

  #pass(piece: MessagePiece): Buffer[] {
    if (piece.type === 'prefix') {
      if (!piece.isCompressed || this.#needles.length === 0) return [piece.bytes]
      if (piece.length > MAX_COMPRESSED) throw tooLong()
      this.#compressed = []
      return []
    }
    const { bytes, isLast } = piece
    if (this.#compressed === undefined)
      return isLast ? [this.#scrubber.push(bytes), this.#rest()] : [this.#scrubber.push(bytes)]
    this.#compressed.push(bytes)
    if (!isLast) return []
    const plain = decompress(this.#encoding, Buffer.concat(this.#compressed))
    this.#compressed = undefined
    return [encodePrefix(plain.length), this.#scrubber.push(plain), this.#rest()]
  }

  #rest(): Buffer {
    const rest = this.#scrubber.end()
    this.#scrubber = new SecretScrubber(this.#needles)
    return rest
  }
}

function decompress(encoding: string | undefined, bytes: Buffer): Buffer {
  const decode = encoding === 'gzip' ? gunzipSync : encoding === 'deflate' ? inflateSync : undefined
  if (decode === undefined)
    throw new PamError('FEATURE_REFUSED', 'the target answered in an encoding that was not asked for', {
      side: 'upstream',
    })
  try {
    return decode(bytes, { maxOutputLength: MAX_PLAIN })
  } catch (error) {
    if (error instanceof RangeError) throw tooLong()
    throw new PamError('PROTOCOL_VIOLATION', 'a message of gRPC is not compressed as the target says', {
      side: 'upstream',
      cause: error,
    })
  }
}

const tooLong = (): PamError =>
  new PamError(
    'MESSAGE_TOO_LARGE',
    'a compressed message of the target is too long to be searched for the credential',
    {
      side: 'upstream',
    },
  )

/** As long as messages of gRPC are by default, at most. */
const MAX_COMPRESSED = 4 * 1024 * 1024
const MAX_PLAIN = 16 * 1024 * 1024
