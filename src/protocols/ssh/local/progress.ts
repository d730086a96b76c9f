import type { LocalOpening, LocalProgress } from '../../local-half.ts'
import { disconnectPacket, refuse } from './refuse.ts'

/**
 * Follows the beginning of one connection: the identification (RFC 4253, 4.2), then packets in the clear (6) up to the server's
 * SSH_MSG_NEWKEYS (7.3). Behind that nobody in between can say anything.
 */
export class SshProgress implements LocalProgress {
  #phase: 'identification' | 'packets' | 'encrypted' = 'identification'
  #isSilent = true
  /** Of the server: a line or a packet that is not whole. */
  #partial: Buffer = Buffer.alloc(0)

  get isSilent(): boolean {
    return this.#isSilent
  }

  fromClient(): void {}

  fromServer(bytes: Buffer): void {
    if (bytes.length === 0 || this.#phase === 'encrypted') return
    this.#isSilent = false
    this.#partial = Buffer.concat([this.#partial, bytes])
    let isTaken = true
    while (isTaken) isTaken = this.#phase === 'identification' ? this.#takeLine() : this.#takePacket()
    if (this.#partial.length > MAX_PARTIAL_MS) this.#leave()
  }

  opening(): LocalOpening | undefined {
    if (this.#isSilent) return { refuse, unanswered: Buffer.alloc(0) }
    if (this.#phase !== 'packets' || this.#partial.length > 0) return undefined
    return {
      refuse: (bytes, reason) => ({ reply: disconnectPacket(reason), taken: bytes.length, done: true }),
      unanswered: Buffer.alloc(0),
    }
  }

  /** Other lines may come before the identification. */
  #takeLine(): boolean {
    const end = this.#partial.indexOf(LINE_FEED)
    if (end < 0) return false
    if (this.#partial.subarray(0, IDENTIFICATION.length).equals(IDENTIFICATION)) this.#phase = 'packets'
    this.#partial = this.#partial.subarray(end + 1)
    return true
  }

  #takePacket(): boolean {
    if (this.#partial.length <= HEADER) return false
    const end = 4 + this.#partial.readUInt32BE(0)
    if (this.#partial.length < end) return false
    if (this.#partial[HEADER] === MSG_NEWKEYS) {
      this.#leave()
      return false
    }
    this.#partial = this.#partial.subarray(end)
    return true
  }

  #leave(): void {
    this.#phase = 'encrypted'
    this.#partial = Buffer.alloc(0)
  }
}

const LINE_FEED = 0x0a
const IDENTIFICATION = Buffer.from('SSH-')
/** The lengths of the packet and of its padding; the payload begins with the type. */
const HEADER = 5
const MSG_NEWKEYS = 21
/** RFC 4253, 6.1: what every implementation must take. Servers that send more before there are keys are not followed. */
const MAX_PARTIAL_MS = 35_000
