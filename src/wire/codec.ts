import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'

/** One kind of message: its tag byte, and how its body is read and written. */
export interface Codec<Message> {
  readonly tag: number
  /** The caller checks afterwards that no byte is left over. */
  decode(body: ByteReader): Message
  encode(message: Message, out: ByteWriter): void
}
